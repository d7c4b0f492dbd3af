from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runbook.domain.errors import InvalidConfigError
from runbook.domain.findings import Level
from runbook.domain.registry_tls import CertificateSeen, is_for, judge_certificate

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)
GOOD = CertificateSeen(
    ("registry.example.com",), NOW - DAY, NOW + 90 * DAY, True, False, None, trusted=True, has_ca=True
)


def test_a_good_certificate_is_one_line() -> None:
    (found,) = judge_certificate(GOOD, "registry.example.com", NOW)
    assert (found.level, found.what.partition(",")[0]) == (
        Level.OK,
        "a certificate for registry.example.com until 2027-02-23",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key_belongs": False}, "the key does not belong"),
        (
            {"names": ("other.example.com", "192.0.2.1")},
            "is for other.example.com, 192.0.2.1, not for registry",
        ),
        ({"names": ()}, "is for nothing, not for registry"),
        ({"not_after": NOW - DAY}, "has expired on 2026-11-24"),
        ({"not_before": NOW + DAY}, "is not valid before 2026-11-26"),
        ({"signs_others": True}, "is that of an authority"),
        ({"broken_chain": "in cert_file CN=a is followed by CN=b"}, "CN=a is followed by CN=b"),
        ({"trusted": False}, "the CA of registry.tls.ca_file has not signed"),
    ],
)
def test_what_the_registry_could_not_serve_with_blocks(change: dict[str, object], words: str) -> None:
    (found,) = judge_certificate(replace(GOOD, **change), "registry.example.com", NOW)  # type: ignore[arg-type]
    assert (found.level, found.error) == (Level.BLOCKS, InvalidConfigError)
    assert words in found.what


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = replace(GOOD, key_belongs=False, names=(), not_after=NOW - DAY, broken_chain="a gap")
    assert len(judge_certificate(wrong, "registry.example.com", NOW)) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"not_after": NOW + 20 * DAY}, "expires on 2026-12-15"),
        ({"trusted": False, "has_ca": False}, "no authority that this machine trusts"),
    ],
)
def test_what_clients_will_stumble_over_is_a_warning(change: dict[str, object], words: str) -> None:
    (found,) = judge_certificate(replace(GOOD, **change), "registry.example.com", NOW)  # type: ignore[arg-type]
    assert found.level is Level.WARNING
    assert words in found.what


@pytest.mark.parametrize(
    ("names", "host", "fits"),
    [
        (["Registry.example.com"], "registry.EXAMPLE.com", True),
        (["*.example.com"], "registry.example.com", True),
        (["*.example.com"], "a.registry.example.com", False),
        (["*.example.com"], "example.com", False),
        (["192.0.2.5"], "192.0.2.5", True),
    ],
)
def test_a_star_stands_for_one_label(names: list[str], host: str, fits: bool) -> None:
    assert is_for(names, host) is fits
