import pytest

from runbook.domain.proxy_bypass import is_direct


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("store.example.com", ".example.com"),
        ("store.example.com", "*.example.com"),
        ("Store.Example.com", "other, example.com"),
        ("store.example.com", "store.example.com:9000"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3"),
        ("anything", "*"),
        ("localhost", ""),
        ("127.0.0.9", ""),
    ],
)
def test_a_host_that_the_list_names_is_reached_directly(host: str, no_proxy: str) -> None:
    assert is_direct(host, 9000, no_proxy)


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("store.example.com", ""),
        ("example.com", ".example.com"),
        ("badexample.com", "example.com"),
        ("store.example.com", "store.example.com:443"),
        ("11.1.2.3", "10.0.0.0/8"),
    ],
)
def test_any_other_host_is_reached_through_the_proxy(host: str, no_proxy: str) -> None:
    assert not is_direct(host, 9000, no_proxy)
