"""Frames, labels and boxes of a licensed data set leave this machine only with permission."""

from pathlib import Path

from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import SPLIT, SplitManifest
from egoactgen_bench.endpoints.endpoint_address import EndpointAddress
from egoactgen_bench.errors import BenchError


def require_upload(address: EndpointAddress, licence: str | None, allowed: bool) -> None:
    """Raise `BenchError` if licensed data would leave this machine without permission.

    `licence` is that of the data (`licence_of`), None if it has none; `allowed` is the value of
    `--allow-upload`. A server on this machine needs no permission.
    """
    if licence is None or allowed or address.loopback:
        return
    raise BenchError(
        f"The frames, labels or boxes of this data set would be sent to {address.host}, and are "
        f"under the {licence}: use a server on this machine (127.0.0.1), or pass --allow-upload if "
        "that is permitted."
    )


def licence_of(split: SplitManifest) -> str | None:
    """The licence of a split's data set, which its class declares; None if it has none.

    split.json records it, as the class of somebody else's data set may not be installed; those
    written by an older version do not.
    """
    known = plugins.registered("datasets")
    declared = known[split.dataset].load().licence if split.dataset in known else None
    return declared or split.licence


def licence_of_image(image: Path) -> str | None:
    """The licence of an image file if it is in the folder of a split, else None."""
    for folder in image.resolve().parents:
        manifest = folder / SPLIT
        if manifest.is_file():
            return licence_of(read_manifest(manifest, SplitManifest))
    return None
