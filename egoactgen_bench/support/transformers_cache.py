"""The name of transformers' argument for the cache of keys and values."""

import inspect
from typing import Any


def cache_argument(network: Any) -> str:
    """The keyword argument of `network.forward` for a `Cache`.

    transformers 5.24 renamed `past_key_values` to `cache`, and 5.40 will drop the old name.
    """
    parameters = inspect.signature(network.forward).parameters
    return "cache" if "cache" in parameters else "past_key_values"
