"""Service `nginx`: TLS on 443, a redirect on 80, and the way to the other services."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from registry import licence, names, properties, supervisor
from registry.certificates import KeyPair
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError
from registry.replica_context import POLL, Context, context, when_ready

_DIRECTORY = Path("/tmp/nginx")
_TEMPLATE = """\
daemon off;
worker_processes 1;
pid /tmp/nginx/pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  server_tokens off;
  resolver 127.0.0.11 valid=2s ipv6=off;
  client_max_body_size 0;
  client_body_temp_path /tmp/nginx/body;
  proxy_temp_path /tmp/nginx/proxy;
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_buffering off;
  proxy_connect_timeout 3s;
  proxy_read_timeout 900s;
  proxy_send_timeout 900s;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-Proto https;
  proxy_set_header X-Real-IP $remote_addr;
  add_header Strict-Transport-Security "max-age=31536000" always;
  server {{
    listen 80;
    location = /nginx_status {{ stub_status; }}
    location = /_ping {{ set $to {api}; proxy_pass http://$to; }}
    location / {{ return 301 https://$host$request_uri; }}
  }}
  server {{
    listen 443 ssl http2;
    ssl_certificate /tmp/nginx/cert.pem;
    ssl_certificate_key /tmp/nginx/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    location = /nginx_status {{ stub_status; }}
    location /auth/ {{ set $to {garant}; proxy_pass http://$to; }}
    location = /v2/ {{ set $to {registry}; proxy_pass http://$to; }}
{unlicensed}    location ~ ^/v2/.+/blobs/ {{ set $to {registry}; proxy_pass http://$to; }}
    location / {{ set $to {api}; proxy_pass http://$to; }}
  }}
}}
"""


_UNLICENSED = f"""\
    location ~ ^/v2/.+/blobs/uploads/ {{ default_type text/plain; return 402 "{licence.REFUSAL}"; }}
    location ~ ^/v2/.+/manifests/ {{
      default_type text/plain;
      if ($request_method = PUT) {{ return 402 "{licence.REFUSAL}"; }}
      set $to %s; proxy_pass http://$to;
    }}
"""


def configuration(replica: str, *, licensed: bool = True) -> str:
    """Return the configuration of a replica's nginx; without a licence it lets no push through."""
    api = f"{names.container('api', replica)}:8080"
    return _TEMPLATE.format(
        unlicensed="" if licensed else _UNLICENSED % api,
        api=api,
        garant=f"{names.container('garant', replica)}:8080",
        registry=f"{names.container('registry', replica)}:5000",
    )


@dataclass(frozen=True)
class Serving:
    """What the configuration of nginx follows from."""

    certificate: KeyPair
    licensed: bool


class Nginx:
    """The running nginx, the certificate that it serves with, and whether it lets pushes through."""

    def __init__(self, running_in: Context) -> None:
        self._context = running_in
        self._child = supervisor.Child("nginx", "-c", str(_DIRECTORY / "nginx.conf"))
        self._serving: Serving | None = None

    async def follow(self) -> None:
        """Keep nginx running with the cluster's present certificate and licence."""
        _DIRECTORY.mkdir(mode=0o700, exist_ok=True)
        self._write(await when_ready(self._wanted))
        await self._child.start()
        try:
            while self._child.ended is None:
                await asyncio.sleep(POLL)
                await self._renew()
        finally:
            await self._child.stop()
        sys.exit(f"nginx ended with {self._child.ended}")

    async def _wanted(self) -> Serving | None:
        tables = self._context.tables
        stored = await tables.property(properties.CERTIFICATES, local=True)
        if stored is None:
            return None
        return Serving(KeyPair(stored["certificate"], stored["key"]), await licence.is_there(tables))

    async def _renew(self) -> None:
        try:
            wanted = await self._wanted()
        except (DatabaseUnavailableError, DatabaseRefusedError):
            return  # keeps serving with what it has
        if wanted and wanted != self._serving:
            self._write(wanted)
            await self._child.reload()

    def _write(self, wanted: Serving) -> None:
        key = _DIRECTORY / "key.pem"
        key.touch(mode=0o600)
        key.write_text(wanted.certificate.key)
        (_DIRECTORY / "cert.pem").write_text(wanted.certificate.certificate)
        text = configuration(self._context.replica, licensed=wanted.licensed)
        (_DIRECTORY / "nginx.conf").write_text(text)
        self._serving = wanted


async def serve() -> None:
    """Serve until the container is stopped."""
    async with context() as running_in:
        await Nginx(running_in).follow()


if __name__ == "__main__":
    supervisor.run(serve())
