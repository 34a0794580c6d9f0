"""Images that are sent to an endpoint."""

import base64
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from egoactgen_bench.support.files import sha256_bytes


@dataclass(frozen=True, eq=False)
class InputImage:
    """An RGB image, sent as PNG; a message contains it as the value of `image_url`."""

    image: Image.Image

    @cached_property
    def png(self) -> bytes:
        # Not above, since options of commands import this module, and NumPy takes long to load.
        from egoactgen_bench.support.images import png_bytes

        return png_bytes(self.image, level=1)

    @property
    def data_url(self) -> str:
        """The PNG as a `data:` URL."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

    @cached_property
    def digest(self) -> str:
        """sha256 of the pixels and their size.

        Another version of zlib gives other bytes of the PNG, for which a kept reply must be found.
        """
        return sha256_bytes(str(self.image.size).encode() + self.image.tobytes())
