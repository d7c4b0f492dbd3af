"""AWS's API of load balancers on 127.0.0.1: moto's, with the health of targets, which moto lacks.

moto finds every target healthy at once and forgets a deregistered one at once. Here a new target is `initial` at the
first look, who is in `unhealthy` stays so, and a deregistered one is listed as `draining` while it is in `busy`.
"""

import io
import itertools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.elbv2.models import elbv2_backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from pydantic import SecretStr
from werkzeug.serving import make_server

from runbook.remote.s3 import S3Settings

REGION = "eu-west-1"
_NUMBERS = itertools.count()  # moto keeps what was made, and names are unique
_ROW = (
    "<member><HealthCheckPort>443</HealthCheckPort><TargetHealth><State>{state}</State>"
    "<Description>{why}</Description></TargetHealth><Target><Id>{Id}</Id><Port>{Port}</Port></Target></member>"
)
_ANSWER = (
    '<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">'
    "<DescribeTargetHealthResult><TargetHealthDescriptions>{rows}</TargetHealthDescriptions>"
    "</DescribeTargetHealthResult><ResponseMetadata/></DescribeTargetHealthResponse>"
)


@dataclass
class NlbSite:
    """The endpoint, with one load balancer whose listener and target group are as the vendor asks."""

    application: Callable[[dict[str, Any], Any], Iterable[bytes]]
    url: str = ""
    unhealthy: set[str] = field(default_factory=set)  # identifiers of targets
    busy: set[str] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)  # each registration and deregistration
    refused: str = ""  # the error code that every call gets
    _looked_at: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        action = form.get("Action", "")
        if self.refused:
            start_response("403 Forbidden", [("Content-Type", "text/xml")])
            return [f"<R><Error><Code>{self.refused}</Code><Message>no</Message></Error></R>".encode()]
        if action in {"RegisterTargets", "DeregisterTargets"}:
            self.changes.append(f"{action} {form['Targets.member.1.Id']}")
        if action == "DescribeTargetHealth":
            start_response("200 OK", [("Content-Type", "text/xml")])
            return [_ANSWER.format(rows="".join(self._rows(form["TargetGroupArn"]))).encode()]
        return self.application(environ, start_response)

    def access(self) -> S3Settings:
        return S3Settings(self.url, REGION, access_key="key", secret_key=SecretStr("secret"), attempts=1)

    def client(self, service: str = "elbv2") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )

    def new_group(self, port: int, kind: str = "ip", **changes: Any) -> str:
        """Return a new target group that is set up as it must be, but for the changes; no listener leads to it."""
        group = {
            "Name": f"group-{next(_NUMBERS)}",
            "Protocol": "TCP",
            "Port": port,
            "VpcId": self.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"],
            "TargetType": kind,
            "HealthCheckProtocol": "HTTPS",
            "HealthCheckPath": "/_ping",
        }
        answer = self.client().create_target_group(**{**group, **changes})
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    def listen(self, arn: str, port: int, protocol: str = "TCP", idle: str = "900") -> str:
        """Return a new listener of a new load balancer that forwards to the target group."""
        ec2, client = self.client("ec2"), self.client()
        subnet = ec2.create_subnet(
            VpcId=ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"], CidrBlock="10.1.0.0/24"
        )
        balancer = client.create_load_balancer(
            Name=f"nlb-{next(_NUMBERS)}",
            Subnets=[subnet["Subnet"]["SubnetId"]],
            Type="network",
        )["LoadBalancers"][0]["LoadBalancerArn"]
        listener = client.create_listener(
            LoadBalancerArn=balancer,
            Protocol=protocol,
            Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )["Listeners"][0]["ListenerArn"]
        attributes = [{"Key": "tcp.idle_timeout.seconds", "Value": idle}]
        client.modify_listener_attributes(ListenerArn=listener, Attributes=attributes)
        return str(listener)

    def end_tls(self, listener: str) -> None:
        """Leave the listener ending TLS, which moto has no call for."""
        for balancer in elbv2_backends[DEFAULT_ACCOUNT_ID][REGION].load_balancers.values():
            if listener in balancer.listeners:
                balancer.listeners[listener].protocol = "TLS"

    def _rows(self, arn: str) -> Iterator[str]:
        group = self._groups()[arn]
        for target in group.targets.values():
            yield _ROW.format(**target, state=self._state(arn, target["Id"]), why="")
        for target in group.deregistered_targets.values():
            self._looked_at.discard((arn, target["Id"]))
            if target["Id"] in self.busy:
                yield _ROW.format(**target, state="draining", why="Target deregistration is in progress")

    def _state(self, arn: str, identifier: str) -> str:
        new = (arn, identifier) not in self._looked_at
        self._looked_at.add((arn, identifier))
        if new:
            return "initial"
        return "unhealthy" if identifier in self.unhealthy else "healthy"

    @staticmethod
    def _groups() -> Any:
        return elbv2_backends[DEFAULT_ACCOUNT_ID][REGION].target_groups


@contextmanager
def nlb_site() -> Iterator[NlbSite]:
    """Run the endpoint."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    site = NlbSite(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, site, threaded=True, request_handler=MotoRequestHandler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
