"""The registry's administration API: settings, storage, repositories, teams, jobs and schedules."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.holds import Cron, settings_of
from runbook.remote.registry_admin_types import (
    ClusterStatus,
    Job,
    RegistrySettings,
    Repository,
    S3StorageSettings,
)
from runbook.remote.registry_http import NotFoundError, client, http_errors, refuse_bad_answer, trusting

_API = "/api/v0"
_JOBS = 200
_PAGE = 100


class RegistryAdmin:
    """The administration API at one URL, with basic authentication."""

    def __init__(
        self,
        url: str,
        ca_pem: str | None,
        user: str,
        password: SecretStr,
        *,
        server_name: str | None = None,
        keep_alive: bool = True,
    ) -> None:
        """Reach it at `url`, trusting `ca_pem` besides the system's authorities.

        `server_name` is the external URL's host where `url` is that of one replica. Without `keep_alive` each call
        is a connection of its own, which a load balancer gives to whom it will.
        """
        self.url = url.rstrip("/")
        self._http = client(self.url, trusting(ca_pem), server_name=server_name)
        if not keep_alive:
            self._http.headers["Connection"] = "close"
        self._login = (user, password)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def version(self) -> str:
        """Return the version of the replica that answers."""
        return str(self._get("/admin/version")["version"])

    def cluster_status(self) -> ClusterStatus:
        """Return what the registry says of its replicas."""
        answer = self._get("/meta/cluster_status")
        tables = answer.get("rethink_system_tables") or {}
        issues = tables.get("current_issues") or answer.get("current_issues") or ()
        return ClusterStatus(
            health=dict(answer.get("replica_health") or {}),
            reported_at=dict(answer.get("replica_timestamp") or {}),
            read_only=dict(answer.get("replica_readonly") or {}),
            issues=tuple(str(issue.get("description", issue)) for issue in issues),
            gc_lock_holder=str(answer.get("gc_lock_holder") or ""),
        )

    def settings(self) -> RegistrySettings:
        """Return the settings that live in metadata."""
        answer = self._get("/meta/settings")
        replicas = answer.get("replicaSettings") or {}
        return RegistrySettings(
            host=str(answer.get("dtrHost", "")),
            replica_id=str(answer.get("replicaID", "")),
            nodes={replica: str(settings.get("node", "")) for replica, settings in replicas.items()},
            read_only=bool(answer.get("readOnlyRegistry", False)),
            all=answer,
        )

    def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Have the registry take over `changes`; it answers before it has done so everywhere."""
        self._call("POST", "/meta/settings", json=dict(changes))

    def storage_settings(self) -> dict[str, Any]:
        """Return the whole storage document, secrets as the registry shows them."""
        return dict(self._get("/admin/settings/registry"))

    def set_s3_storage(self, storage: S3StorageSettings) -> None:
        """Leave the registry keeping images in this bucket; RefusedError if it cannot use it.

        Where tags already exist this may erase them: the caller decides by version.
        """
        self._call("PUT", "/admin/settings/registry/simple", json=storage.to_document())

    def repositories(self, namespace: str = "") -> tuple[Repository, ...]:
        """Return all repositories, or those of one namespace."""
        path = f"/repositories/{quote(namespace)}" if namespace else "/repositories"
        return tuple(_repository(row) for row in self._pages(path, "repositories"))

    def create_repository(self, namespace: str, name: str, **settings: Any) -> bool:
        """Leave the repository in place; False if it was there and was kept as it is."""
        try:
            self._call("POST", f"/repositories/{quote(namespace)}", json={"name": name, **settings})
        except RefusedError as exc:
            if "REPOSITORY_EXISTS" in exc.what:
                return False
            raise
        return True

    def tags(self, namespace: str, name: str) -> dict[str, str]:
        """Return the tags of a repository with their digests."""
        path = f"/repositories/{quote(namespace)}/{quote(name)}/tags"
        return {row["name"]: row["digest"] for row in self._pages(path)}

    def team_access(self, namespace: str, name: str) -> dict[str, str]:
        """Return the access level of each team to a repository."""
        rows = self._get(_team_access(namespace, name))["teamAccessList"]
        return {row["team"]["name"]: row["accessLevel"] for row in rows}

    def set_team_access(self, namespace: str, name: str, team: str, level: str) -> None:
        """Give a team `read-only`, `read-write` or `admin` access to a repository."""
        path = f"{_team_access(namespace, name)}/{quote(team)}"
        self._call("PUT", path, json={"accessLevel": level})

    def jobs(self) -> tuple[Job, ...]:
        """Return the jobs that run, and the newest others."""
        running = self._get(f"/jobs?running=true&limit={_JOBS}")["jobs"]
        newest = self._get(f"/jobs?limit={_JOBS}")["jobs"]
        found = {row["id"]: Job(row["id"], row["action"], row["status"]) for row in [*newest, *running]}
        return tuple(found.values())

    def running_jobs(self) -> frozenset[str]:
        """Return the actions of the jobs that run or wait to run."""
        return frozenset(job.action for job in self.jobs() if not job.ended)

    def start_job(self, action: str) -> Job:
        """Have a job of this kind run, and return it."""
        row = self._json(self._call("POST", "/jobs", json={"action": action}))
        return Job(row["id"], row["action"], row["status"])

    def crons(self) -> dict[str, Cron]:
        """Return what is set for each action that is scheduled."""
        return {row["action"]: settings_of(row) for row in self._get("/crons")["crons"]}

    def set_cron(self, cron: Cron) -> None:
        """Leave the cron's `action` scheduled so; what the cron leaves out gets the registry's default."""
        self._call("POST", "/crons", json=dict(cron))

    def delete_cron(self, action: str) -> None:
        """Leave `action` without a schedule; absent already is fine."""
        try:
            self._call("DELETE", f"/crons/{quote(action)}")
        except NotFoundError:
            return

    def _pages(self, path: str, key: str = "") -> Iterator[dict[str, Any]]:
        """Yield the rows of all pages; an answer is a list, or holds one under `key`."""
        start = ""
        while True:
            page = {"pageSize": str(_PAGE)} | ({"pageStart": start} if start else {})
            response = self._call("GET", path, params=page)
            answer = self._json(response)
            yield from answer[key] if key else answer
            following = response.headers.get("x-next-page-start", "")
            if not following or following == start:
                return
            start = following

    def _get(self, path: str) -> Any:
        return self._json(self._call("GET", path))

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as exc:
            what = f"it answered no JSON: {response.text[:100]!r}"
            raise MismatchError(
                str(response.request.url), what, "see that this URL is the registry's"
            ) from exc

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        where = f"{method} {self.url}{_API}{path}"
        user, password = self._login
        with http_errors(where):
            response = self._http.request(
                method, f"{_API}{path}", auth=(user, password.get_secret_value()), **options
            )
        refuse_bad_answer(where, response)
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise MismatchError(
                where, f"it answered {response.status_code}", "see that this URL is the registry's"
            )
        return response


def _repository(row: Mapping[str, Any]) -> Repository:
    return Repository(
        namespace=row["namespace"],
        name=row["name"],
        visibility=row.get("visibility", ""),
        short_description=row.get("shortDescription", ""),
        immutable_tags=bool(row.get("immutableTags")),
        scan_on_push=bool(row.get("scanOnPush")),
    )


def _team_access(namespace: str, name: str) -> str:
    return f"/repositories/{quote(namespace)}/{quote(name)}/teamAccess"
