"""The look at a registry with one replica: whatever is wrong, all of the table is shown, and nothing is touched."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab import commands
from lab.topology import machine_named
from runbook.domain.errors import InvalidConfigError, RefusedError, UnreachableError
from tests.e2e.host_keys import other_host_key
from tests.e2e.runs import assert_run_failed, deployed, reports_of, runbook
from tests.e2e.world import look

pytestmark = pytest.mark.e2e
_ROW = re.compile(r"^ (?P<where>\S.*?) +(?P<level>ok|warning|blocks) ", re.MULTILINE)
_NODES = ("ucp1", "dtr1", "dtr2", "dtr3", "dtr4")
_DF = "/usr/local/bin/df"  # comes before the real one in the path of an SSH session


@pytest.fixture(scope="module")
def world(installed):
    """The world before any of these tests, to which each of them leaves it."""
    return look(installed.cluster)


@pytest.fixture(scope="module")
def well(installed):
    """The rows of a table without a fault."""
    ended = runbook("check", cluster=installed.cluster.file)
    assert ended.status == 0, ended.stderr
    rows = _rows(ended.stdout)
    assert rows == {**dict.fromkeys(rows, "ok"), "registry": "warning"}  # one replica of three
    assert rows.keys() > {*_NODES, "control plane", "lb1", "registry", "network"}
    assert len(rows) == len(_NODES) + 6  # these four, storage and vault
    return rows


def test_the_plan_of_a_check_is_the_check(installed, well):
    ended = runbook("check", "--plan", cluster=installed.cluster.file)
    assert ended.status == 0
    assert _rows(ended.stdout) == well


def test_a_changed_host_key_is_one_finding_among_those_of_all_other_nodes(installed, well, world):
    with other_host_key("dtr4"):
        ended = runbook("check", cluster=installed.cluster.file)
        run = deployed("check/on-demand")
    assert ended.status == RefusedError.exit_status
    assert ended.words.startswith("dtr4: its host key is ssh-ed25519 SHA256:")
    assert _rows(ended.stdout) == well | {"dtr4": "blocks", "lb1": "warning", "registry": "warning"}
    assert ended.stdout.count("not judged, for dtr4") == 2
    assert_run_failed(run, "dtr4", "its host key is", "compare with")
    (report,) = reports_of(run)
    assert report.count("| dtr4 | blocks | its host key is") == 1
    assert look(installed.cluster) == world


def test_a_wrong_password_is_one_finding_among_those_of_all_nodes(installed, well, world, altered, tmp_path):
    (tmp_path / "password").write_text("not the password")
    ended = runbook("check", cluster=altered(_password_in(f"file:{tmp_path}/password")))
    assert ended.status == RefusedError.exit_status
    assert ended.words.startswith(
        f"control plane {installed.cluster.control_plane_url}: wrong user or password"
    )
    assert _rows(ended.stdout) == well | {"control plane": "blocks", "lb1": "warning", "registry": "warning"}
    assert "not the password" not in ended.stdout + ended.stderr
    assert look(installed.cluster) == world


def test_a_missing_password_is_one_finding_among_those_of_all_nodes(installed, well, altered, tmp_path):
    ended = runbook("check", cluster=altered(_password_in(f"file:{tmp_path}/absent")))
    assert ended.status == InvalidConfigError.exit_status
    assert ended.words.startswith(f"file:{tmp_path}/absent: cannot be read")
    rows = _rows(ended.stdout)
    assert {where: rows.get(where) for where in _NODES} == dict.fromkeys(_NODES, "ok")
    assert list(rows.values()).count("blocks") == 1


def test_little_disk_on_a_registry_node_refuses_a_scale_out_and_no_backup(installed, world):
    with _little_disk("dtr3"):
        refused = runbook("scale-out", "--plan", cluster=installed.cluster.file)
        planned = runbook("backup", "--plan", cluster=installed.cluster.file)
    assert refused.status == RefusedError.exit_status
    assert refused.words == "dtr3: 1.0 GiB are free for the engine\nNext: free at least 2 GiB"
    assert planned.status == 0, planned.stderr
    assert _rows(planned.stdout)["dtr3"] == "warning"
    assert look(installed.cluster) == world


def test_a_filtered_port_is_found_by_the_node_that_calls_it_and_keeps_no_backup_waiting(
    installed, well, world
):
    with _filtered("dtr3", source="dtr2", port=7946):
        ended = runbook("check", "--json", cluster=installed.cluster.file)
        planned = runbook("backup", "--plan", cluster=installed.cluster.file)
    words = "network: from dtr2 to dtr3 port 7946/tcp (gossip): filtered"
    assert ended.status == UnreachableError.exit_status
    assert ended.words.startswith(f"{words}\nNext: open it in the firewall")
    findings = json.loads(ended.stdout)["findings"]
    assert {tuple(found) for found in findings} == {("level", "where", "what", "next")}
    assert {found["where"] for found in findings} > {*_NODES, "lb1", "registry"}
    assert [f"{f['where']}: {f['what']}" for f in findings if f["level"] == "blocks"] == [words]
    assert planned.status == 0, planned.stderr
    assert "network" not in _rows(planned.stdout)
    assert look(installed.cluster) == world


def _rows(shown: str) -> dict[str, str]:
    """Return the level of each place in a table of findings; a long name is cut to its first line."""
    table = shown.partition("What was found")[2]
    return {match["where"]: match["level"] for match in _ROW.finditer(table)}


def _password_in(reference: str):
    return lambda content: content["control_plane"].update(password=reference)


@contextmanager
def _little_disk(name: str) -> Iterator[None]:
    """Let a node say for the block that 1 GiB is free; a disk that is really full would fill the machine's."""
    machine = machine_named(name)
    assert machine
    program = f"printf '#!/bin/sh\\necho Avail\\necho 1073741824\\n' >{_DF} && chmod 755 {_DF}"
    with commands.open_lab() as lab:
        lab.run(machine, "sh", "-c", program)
        try:
            yield
        finally:
            lab.run(machine, "rm", _DF)


@contextmanager
def _filtered(name: str, *, source: str, port: int) -> Iterator[None]:
    """Have a node drop what another one sends to a port, for the block."""
    machine, caller = machine_named(name), machine_named(source)
    assert machine
    assert caller
    with commands.open_lab() as lab:
        rule = ("INPUT", "-p", "tcp", "-s", lab.topology.address(caller), "--dport", str(port), "-j", "DROP")
        lab.run(machine, "iptables", "-I", *rule)
        try:
            yield
        finally:
            lab.run(machine, "iptables", "-D", *rule)
