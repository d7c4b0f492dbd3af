from pathlib import Path

from blocks.settings import ClusterSettings
from deployments.reference import page, rows

PAGE = Path(__file__).parents[3] / "docs" / "cluster-file.md"


def test_the_page_shows_every_setting_as_it_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "python -m deployments.reference > docs/cluster-file.md"
    )


def test_every_setting_says_what_it_is() -> None:
    assert [path for path, meaning, _ in rows(ClusterSettings) if not meaning.strip()] == []


def test_a_setting_is_called_as_it_is_written_in_a_cluster_file() -> None:
    defaults = {path: default for path, _, default in rows(ClusterSettings)}
    assert defaults["registry.images.from"] == ""
    assert defaults["nodes[].host_key"] == defaults["vault.copies[].url"] == "*required*"
    assert defaults["control_plane.insecure_tls"] == "`false`"
    assert defaults["load_balancer.haproxy.stats_port"] == "`8181`"
    assert defaults["transport"] == "`ssh`"
    assert "load_balancer.haproxy.role" not in defaults  # there is nothing to choose
