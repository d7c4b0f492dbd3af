"""Whether a certificate can be the registry's: what it must be before anything is installed with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook.domain.errors import InvalidConfigError
from runbook.domain.findings import Finding, Level, ok

WHERE = "registry.tls"
_SOON = timedelta(days=30)


@dataclass(frozen=True)
class CertificateSeen:
    """What a certificate says of itself, and what its key and its chain are to it."""

    names: tuple[str, ...]  # DNS names and addresses that it is for
    not_before: datetime
    not_after: datetime
    key_belongs: bool
    signs_others: bool  # it is an authority's own, and no server's
    broken_chain: str | None  # where the chain breaks
    trusted: bool  # its chain ends at the CA that is named, or at one that this machine trusts
    has_ca: bool  # a CA is named


def judge_certificate(seen: CertificateSeen, host: str, now: datetime) -> tuple[Finding, ...]:
    """Return everything that keeps the certificate from being the registry's at `host`."""
    problems = (*_blocking(seen, host, now), *_warnings(seen, now))
    until = f"for {host} until {seen.not_after:%Y-%m-%d}"
    return problems or (ok(WHERE, f"a certificate {until}, its key belongs to it, its chain is whole"),)


def _blocking(seen: CertificateSeen, host: str, now: datetime) -> Iterator[Finding]:
    if not seen.key_belongs:
        yield _blocks("the key does not belong to the certificate", "name the key that it was made for")
    if not is_for(seen.names, host):
        named = ", ".join(seen.names) or "nothing"
        what = f"the certificate is for {named}, not for {host}, the host of registry.external_url"
        yield _blocks(what, "have one made with that host as a subject alternative name")
    if now > seen.not_after:
        yield _blocks(f"the certificate has expired on {seen.not_after:%Y-%m-%d}", "have it renewed")
    if now < seen.not_before:
        what = f"the certificate is not valid before {seen.not_before:%Y-%m-%d %H:%M} UTC"
        yield _blocks(what, "wait, or see that this machine's clock is right")
    if seen.signs_others:
        what = "the certificate is that of an authority, not of a server"
        yield _blocks(what, "name the server's certificate, and the authority as registry.tls.ca_file")
    if seen.broken_chain:
        next_step = "append every certificate between the server's and its CA to cert_file, in this order"
        yield _blocks(seen.broken_chain, next_step)
    elif seen.has_ca and not seen.trusted:
        what = "the CA of registry.tls.ca_file has not signed the certificate, nor what is appended to it"
        yield _blocks(what, "name the CA that has, or append what is between them to cert_file")


def _warnings(seen: CertificateSeen, now: datetime) -> Iterator[Finding]:
    if now <= seen.not_after < now + _SOON:
        what = f"the certificate expires on {seen.not_after:%Y-%m-%d}"
        yield Finding(Level.WARNING, WHERE, what, "have it renewed soon")
    if not seen.has_ca and not seen.trusted and not seen.broken_chain:
        what = "no authority that this machine trusts has signed the certificate"
        yield Finding(Level.WARNING, WHERE, what, "name its CA in registry.tls.ca_file")


def is_for(names: Sequence[str], host: str) -> bool:
    """Tell whether a certificate with these names is for `host`; a star stands for one label."""
    wanted = host.lower()
    parent = f"*.{wanted.partition('.')[2]}"
    return any(name.lower() in {wanted, parent} for name in names)


def _blocks(what: str, next_step: str) -> Finding:
    return Finding(Level.BLOCKS, WHERE, what, next_step, InvalidConfigError)
