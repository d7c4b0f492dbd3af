"""HAProxy in front of the replicas: TCP passthrough, each replica probed for itself, changed over SSH."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from runbook.domain.errors import ForeignFileError, MismatchError, NotReadyError, RunbookError
from runbook.domain.findings import Finding, Level, from_error
from runbook.domain.load_balancer import (
    WRITERS,
    Advice,
    Backend,
    Member,
    judge_pool,
    judge_setups,
    plan_pool,
    why_not_members,
    why_not_pool,
)
from runbook.domain.plans import Step
from runbook.remote.haproxy_config import HaproxyConfig, Statistics, render
from runbook.remote.haproxy_file import HaproxyFile
from runbook.remote.haproxy_stats import QUESTION, parse_answer
from runbook.remote.load_balancer import Site
from runbook.remote.open_connections import open_connections
from runbook.remote.ssh import SshConnection
from runbook.remote.waiting import wait_until

logger = logging.getLogger(__name__)

CONFIG_PATH = "/etc/haproxy/haproxy.cfg"
_SETS_IT = f"the next {WRITERS} writes a configuration that is right"
_ANOTHER = "its configuration is not the one that the runbooks write"
_ADVICE = Advice(passthrough=_SETS_IT, probe=_SETS_IT, idle=_SETS_IT)


@dataclass(frozen=True)
class HaproxyPlace:
    """HAProxy on its machine, and how long it is waited for."""

    name: str
    config_path: str = CONFIG_PATH
    take_over: bool = False
    statistics: Statistics = Statistics()
    up_within: float = 60.0
    drain_within: float = 120.0


class Haproxy:
    """HAProxy on a machine that SSH reaches."""

    def __init__(self, site: Site, place: HaproxyPlace) -> None:
        self._front = site.front
        self._site = site
        self._place = place

    @property
    def name(self) -> str:
        """The machine's name."""
        return self._place.name

    @property
    def _file(self) -> HaproxyFile:
        return HaproxyFile(self._connect(), self._place.config_path, take_over=self._place.take_over)

    def check(self, pool: Sequence[Backend]) -> tuple[Finding, ...]:
        """Return whether its configuration is the one for this pool, and each member up."""
        text = self._file.read()
        if text == self._render(pool):
            return (judge_pool(self.name, self.pool_state(), _names(pool)),)
        try:
            self._file.require_replaceable()
        except ForeignFileError as error:
            return (from_error(error), *self._judge(text))
        reason = self._why_not_members(text, pool)
        what = f"its pool is not that of the replicas: {reason}" if reason else _ANOTHER
        return (Finding(Level.WARNING, self.name, what, f"the next {WRITERS} sets it"), *self._judge(text))

    def plan(self, pool: Sequence[Backend]) -> Step:
        """Return what `apply` would do."""
        text = self._file.read()
        differs = None if text == self._render(pool) else self._why_not_members(text, pool) or _ANOTHER
        return plan_pool(self.name, pool, differs, "its configuration is as wanted")

    def apply(self, pool: Sequence[Backend]) -> None:
        """Leave HAProxy with this pool, each up; a configuration with which they do not come up is taken back."""
        text, changed = self._render(pool), False
        if self._file.read() != text:
            self._file.require_replaceable()
            self._file.replace(text)
            changed = True
            logger.info("%s: HAProxy runs with a new configuration", self.name)
        try:
            self._wait_until_up(pool)
        except (NotReadyError, MismatchError):
            if changed:
                self._take_back()
            raise

    def drain(self, backend: Backend, rest: Sequence[Backend]) -> None:
        """Leave HAProxy with `rest`; the process before the reload keeps the open connections until they end."""
        self.apply(rest)
        try:
            wait_until(
                lambda: self._why_not_drained(backend),
                where=self.name,
                timeout=self._place.drain_within,
                poll=1.0,
            )
        except NotReadyError as error:
            logger.warning("%s: %s; they end with the replica", self.name, error.what)

    def pool_state(self) -> dict[str, Member]:
        """Return what HAProxy thinks of each replica of its pool."""
        answer = self._connect().ask_local_port(self._place.statistics.port, QUESTION)
        return parse_answer(self.name, answer)

    def described(self) -> dict[str, Any]:
        """Return its address and its whole configuration."""
        target = self._connect().target
        return {"kind": "haproxy", "address": target.address, "configuration": self._file.read()}

    def _connect(self) -> SshConnection:
        return self._site.ssh(self.name)

    def _render(self, pool: Sequence[Backend]) -> str:
        return render(pool, self._front, self._place.statistics)

    def _judge(self, text: str) -> tuple[Finding, ...]:
        setups = HaproxyConfig(text).setups(self._front)
        ports = (self._front.https_port, self._front.http_port)
        return judge_setups(self.name, setups, self._front, _ADVICE, ports)

    def _why_not_members(self, text: str, pool: Sequence[Backend]) -> str | None:
        return why_not_members(HaproxyConfig(text).members(self._front), _names(pool))

    def _wait_until_up(self, pool: Sequence[Backend]) -> None:
        wait_until(
            lambda: why_not_pool(self.pool_state(), _names(pool)),
            where=self.name,
            timeout=self._place.up_within,
            poll=0.5,
            next_step="see that this machine reaches each replica's port and that each is healthy, then rerun",
        )

    def _why_not_drained(self, backend: Backend) -> str | None:
        ports = (backend.https_port, backend.http_port)
        count = open_connections(self._connect(), backend.address, ports)
        return f"{count} connections to {backend.name} are open" if count else None

    def _take_back(self) -> None:
        with suppress(RunbookError):  # what went wrong before is told
            self._file.take_back()
            logger.warning("%s: HAProxy runs with the configuration before", self.name)


def _names(pool: Sequence[Backend]) -> list[str]:
    return [backend.name for backend in pool]
