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
    await _issue(site, tables, authority, await _hosts(site, tables))


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


async def _hosts(site: Site, tables: Tables) -> list[str]:
    """Return what the certificate is valid for: the external URL's host alone, the nodes where there is none.

    Who goes to one replica by its address must ask it for the external name (the stand-in chooses).
    """
    settings = await tables.property(properties.SETTINGS) or {}
    url = site.options.get("dtr_external_url") or settings.get("dtrHost")
    if url:
        external = urlsplit(url if "://" in url else f"//{url}").hostname
        return [*([external] if external else []), "localhost", "127.0.0.1"]
    addresses = [node.address for node in await site.ucp.nodes()]
    return [*addresses, "localhost", "127.0.0.1"]


async def _issue(site: Site, tables: Tables, authority: KeyPair, hosts: list[str]) -> None:
    pair = certificates.issue(authority, hosts)
    names = " ".join(certificates.hosts_of(pair.certificate))
    site.console.info("Generated TLS certificate.", dnsNames=f"[{names}]", domains="[]", ipAddresses="[]")
    value = {
        "certificate": pair.certificate, "key": pair.key, "ca": authority.certificate, "ca_key": authority.key,
    }  # fmt: skip
    await tables.set_property(properties.CERTIFICATES, value)


async def cover_node(site: Site, tables: Tables) -> None:
    """Leave the cluster's own certificate valid for where this replica is asked for too."""
    stored = await tables.property(properties.CERTIFICATES)
    if not stored["ca_key"]:
        return  # somebody else's certificate is theirs to renew
    known = certificates.hosts_of(stored["certificate"])
    wanted = await _hosts(site, tables)
    if not set(wanted) <= set(known):
        await _issue(site, tables, KeyPair(stored["ca"], stored["ca_key"]), [*wanted, *known])
