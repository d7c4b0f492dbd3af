"""The certificate that a cluster serves with: given, or issued by its own authority."""

from urllib.parse import urlsplit

from registry import certificates, properties
from registry.bootstrapper.console import FatalError
from registry.bootstrapper.workplace import Site
from registry.certificates import KeyPair
from registry.tables import Tables


async def create(site: Site, tables: Tables) -> None:
    """Leave the cluster with a certificate: the given one, or one that it issues itself."""
    given = (site.options["dtr_cert"], site.options["dtr_key"])
    if all(given):
        await _store_given(site, tables)
        return
    if any(given):
        raise FatalError("--dtr-cert and --dtr-key must be given together")
    authority = certificates.new_authority("DTR CA")
    await _issue(site, tables, authority, await _hosts(site))


async def _store_given(site: Site, tables: Tables) -> None:
    pair = KeyPair(site.options["dtr_cert"], site.options["dtr_key"])
    try:
        certificates.check_pair(pair)
    except ValueError as exc:
        raise FatalError(f"--dtr-cert: {exc}") from exc
    value = {
        "certificate": pair.certificate, "key": pair.key, "ca": site.options["dtr_ca"] or pair.certificate,
        "ca_key": "",
    }  # fmt: skip
    await tables.set_property(properties.CERTIFICATES, value)


async def _hosts(site: Site) -> list[str]:
    url = site.options.get("dtr_external_url")
    external = urlsplit(url if "://" in url else f"//{url}").hostname if url else None
    addresses = [node.address for node in await site.ucp.nodes()]
    return [*([external] if external else []), *addresses, "localhost", "127.0.0.1"]


async def _issue(site: Site, tables: Tables, authority: KeyPair, hosts: list[str]) -> None:
    pair = certificates.issue(authority, hosts)
    names = " ".join(certificates.hosts_of(pair.certificate))
    site.console.info("Generated TLS certificate.", dnsNames=f"[{names}]", domains="[]", ipAddresses="[]")
    value = {
        "certificate": pair.certificate, "key": pair.key, "ca": authority.certificate, "ca_key": authority.key,
    }  # fmt: skip
    await tables.set_property(properties.CERTIFICATES, value)


async def cover_node(site: Site, tables: Tables) -> None:
    """Leave the cluster's own certificate valid for this node and the external URL too."""
    stored = await tables.property(properties.CERTIFICATES)
    if not stored["ca_key"]:
        return  # somebody else's certificate is theirs to renew
    known = certificates.hosts_of(stored["certificate"])
    wanted = [host for host in await _hosts(site) if host]
    if not set(wanted) <= set(known):
        await _issue(site, tables, KeyPair(stored["ca"], stored["ca_key"]), [*wanted, *known])
