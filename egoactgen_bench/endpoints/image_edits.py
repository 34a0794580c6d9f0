"""Image edits: one or several images and a prompt give one image."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image

from egoactgen_bench.endpoints.chat_endpoint import reported_model
from egoactgen_bench.endpoints.endpoint_client import EndpointClient, EndpointRequest
from egoactgen_bench.endpoints.input_images import InputImage
from egoactgen_bench.endpoints.reply_costs import Usage
from egoactgen_bench.endpoints.reply_errors import short_line
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.images import decode

LARGEST_IMAGE_REPLY = 64 << 20  # bytes: a PNG of 4096 × 4096 random pixels in base64
_DATA_URL = "data:image/"


@dataclass(frozen=True)
class EditedImage:
    """An image, RGB, uint8, of the size that the server chose; usage, and the reported model."""

    image: Image.Image
    usage: Usage
    model: str = ""


def edit_image(
    client: EndpointClient,
    images: Sequence[InputImage],
    prompt: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    draw: int = 0,
) -> EditedImage:
    """Edit images by a prompt; raises as `EndpointClient.ask` and `fetched`.

    `parameters` are further ones of the API, such as `size` and `quality`.
    """
    fixed = {"model": client.model, "prompt": prompt, "n": 1}
    request = EndpointRequest("images/edits", dict(parameters or {}) | fixed, images, draw)
    return client.ask(request, partial(_read, client, request))


def _read(client: EndpointClient, request: EndpointRequest, found: dict[str, Any]) -> EditedImage:
    data = found.get("data")
    first = data[0] if isinstance(data, list) and data else None
    if not isinstance(first, dict):
        raise SampleError("bad_reply", "the reply contains no image")
    encoded, url = first.get("b64_json"), first.get("url")
    if isinstance(url, str) and url.startswith(_DATA_URL) and not encoded:
        encoded = url.partition(",")[2]
    if isinstance(encoded, str) and encoded:
        content = _decoded(encoded)
    elif isinstance(url, str) and url:
        content = client.fetched(url, sha256_bytes(f"{request.digest} {url}".encode()))
    elif isinstance(reason := first.get("finish_reason"), str) and "filter" in reason.lower():
        raise SampleError("refused", short_line(reason))
    else:
        raise SampleError("bad_reply", "the reply contains neither b64_json nor url")
    usage = Usage.of(found.get("usage"), images=1)
    return EditedImage(_rgb(content), usage, reported_model(found))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SampleError("bad_reply", "the image is not encoded in base64") from None


def _rgb(content: bytes) -> Image.Image:
    """The image, without an alpha channel that hides nothing."""
    try:
        image = decode(content, "the image of the reply")
        if image.has_transparency_data:
            image = image.convert("RGBA")
            if image.getchannel("A").getextrema() != (255, 255):
                raise SampleError("unsupported_image", "transparent pixels")
        return image.convert("RGB")
    except SampleError as error:
        raise SampleError("bad_reply", error.detail) from None
