"""What a site gets wrong although each field has the right form."""

from collections.abc import Iterator, Mapping
from typing import Any

from blocks.problems import Problem
from runbook.domain.topology import NodeRole
from runbook.domain.versions import COVERED, is_covered, parse_version


def site_mistakes(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield an image with its tag, a version that no runbook knows, and nodes that are none."""
    registry, nodes = document.get("registry"), document.get("nodes")
    if isinstance(registry, Mapping):
        yield from _image(registry.get("image"))
        yield from _version(registry.get("version"))
    for i, node in enumerate(nodes if isinstance(nodes, list) else ()):
        if isinstance(node, Mapping) and node.get("role") == NodeRole.BALANCER:
            what = "must be manager or registry; the load balancer's machine stands under load_balancer"
            yield Problem(("nodes", i, "role"), what)


def _image(image: Any) -> Iterator[Problem]:
    if isinstance(image, str) and any(sign in image.rpartition("/")[2] for sign in ":@"):
        yield Problem(
            ("registry", "image"), "must have no tag and no digest; the tag stands in registry.version"
        )


def _version(text: Any) -> Iterator[Problem]:
    try:
        version = parse_version(text) if isinstance(text, str) else None
    except ValueError:  # told by the field itself
        return
    if version and not is_covered(version):
        what = f"{version} is none of the versions that the runbooks cover: {COVERED[0]} and later, before {COVERED[1]}"
        yield Problem(("registry", "version"), what)
