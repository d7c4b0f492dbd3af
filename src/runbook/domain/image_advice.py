"""How an operator brings an image onto a node by hand: from where the cluster file says that images come."""

from runbook.domain.image_distribution import ImageSource


def how_to_bring(image: str, source: ImageSource, *, archive: bool = False) -> str:
    """Return what leaves a node with the image under the vendor's name."""
    if archive:
        return f"bring {image} there with `docker load`, from an archive that holds it"
    name = source.name_of(image)
    return f"docker pull {image}" if name == image else f"docker pull {name}, docker tag {name} {image}"
