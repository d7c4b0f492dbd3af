"""The API of AWS's load balancers: the calls that a pool needs, and what its errors mean."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    NoCredentialsError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.remote.s3 import S3Settings

_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable"}
_SERVER_ERROR = 500
_UNREACHABLE = (BotoConnectionError, HTTPClientError, ConnectionClosedError)
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A place of a target group and what the load balancer thinks of it (`healthy`, `initial`, `draining`, …)."""

    identifier: str
    port: int
    state: str
    why: str


class ElbApi:
    """Target groups and their listeners, in one region and account."""

    def __init__(self, where: str, access: S3Settings) -> None:
        self._where = where
        self._access = access

    @cached_property
    def _client(self) -> Any:
        access = self._access
        options: dict[str, Any] = {"verify": access.ca_file} if access.ca_file else {}
        with self._errors():
            return boto3.Session().client(
                "elbv2",
                endpoint_url=access.endpoint_url,
                region_name=access.region,
                aws_access_key_id=access.access_key,
                aws_secret_access_key=access.secret_key.get_secret_value() if access.secret_key else None,
                config=Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard"}),
                **options,
            )

    def group(self, arn: str) -> Document:
        """Return the target group's own document."""
        with self._errors():
            groups = self._client.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        return dict(groups[0])

    def group_attributes(self, arn: str) -> dict[str, str]:
        """Return the target group's attributes."""
        with self._errors():
            answer = self._client.describe_target_group_attributes(TargetGroupArn=arn)
        return _attributes(answer)

    def listeners(self, group: Document) -> list[Document]:
        """Return the listeners that forward to this target group."""
        with self._errors():
            pages = self._client.get_paginator("describe_listeners")
            found = [
                listener
                for balancer in group.get("LoadBalancerArns", ())
                for page in pages.paginate(LoadBalancerArn=balancer)
                for listener in page["Listeners"]
            ]
        return [listener for listener in found if group["TargetGroupArn"] in _forwarded_to(listener)]

    def listener_attributes(self, arn: str) -> dict[str, str]:
        """Return the listener's attributes."""
        with self._errors():
            return _attributes(self._client.describe_listener_attributes(ListenerArn=arn))

    def targets(self, arn: str) -> list[Target]:
        """Return what is in the target group, what is leaving it too."""
        with self._errors():
            answer = self._client.describe_target_health(TargetGroupArn=arn)
        return [_target(row) for row in answer["TargetHealthDescriptions"]]

    def register(self, arn: str, targets: Iterable[tuple[str, int]]) -> None:
        """Have the target group send connections to these places, once it finds them healthy."""
        with self._errors():
            self._client.register_targets(TargetGroupArn=arn, Targets=_places(targets))

    def deregister(self, arn: str, targets: Iterable[tuple[str, int]]) -> None:
        """Have the target group send no new connection to these places."""
        with self._errors():
            self._client.deregister_targets(TargetGroupArn=arn, Targets=_places(targets))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except ClientError as exc:
            raise _from_answer(self._where, exc) from exc
        except _UNREACHABLE as exc:
            raise UnreachableError(self._where, str(exc), "check the network, then rerun") from exc
        except NoCredentialsError as exc:
            next_step = "name access_key and secret_key, or give this machine an instance role"
            raise RefusedError(self._where, "there are no credentials for AWS", next_step) from exc
        except BotoCoreError as exc:
            next_step = "check load_balancer.aws_nlb in the cluster file"
            raise RefusedError(self._where, str(exc), next_step) from exc


def _from_answer(where: str, exc: ClientError) -> RunbookError:
    error = exc.response.get("Error", {})
    code, status = error.get("Code", ""), exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    what = f"{exc.operation_name}: AWS answered {code}: {error.get('Message', '')}".rstrip(": ")
    if code in _THROTTLED or status >= _SERVER_ERROR:
        return UnreachableError(where, what, "wait for AWS to recover, then rerun")
    return RefusedError(
        where, what, "check load_balancer.aws_nlb, its keys and their rights: docs/load-balancer.md"
    )


def _attributes(answer: Document) -> dict[str, str]:
    return {row["Key"]: str(row["Value"]) for row in answer["Attributes"]}


def _forwarded_to(listener: Document) -> set[str]:
    actions = listener.get("DefaultActions", ())
    plain = {action["TargetGroupArn"] for action in actions if "TargetGroupArn" in action}
    weighted = {
        group["TargetGroupArn"]
        for action in actions
        for group in action.get("ForwardConfig", {}).get("TargetGroups", ())
    }
    return plain | weighted


def _places(targets: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"Id": identifier, "Port": port} for identifier, port in targets]


def _target(row: Document) -> Target:
    health = row["TargetHealth"]
    why = health.get("Description") or health.get("Reason") or ""
    return Target(row["Target"]["Id"], int(row["Target"]["Port"]), health["State"], why)
