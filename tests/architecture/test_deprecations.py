"""Deprecated calls fail the tests, whether the library issues a warning or logs a message."""

import logging
import warnings

import pytest


@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning])
def test_warning_is_an_error(category):
    with pytest.raises(category):
        warnings.warn("`torch_dtype` is deprecated", category, stacklevel=1)


@pytest.mark.parametrize("library", ["diffusers", "transformers"])
def test_logged_deprecation_is_recorded(deprecation_log, library):
    # The library's own levels and handlers are set when it is imported.
    pytest.importorskip(library)
    logger = logging.getLogger(f"{library}.models")
    logger.warning("`torch_dtype` is deprecated! Use `dtype` instead!")
    logger.warning("Loading takes a while.")
    messages, deprecation_log.messages = deprecation_log.messages, []
    assert messages == [f"{library}.models: `torch_dtype` is deprecated! Use `dtype` instead!"]
