"""What diffusers logs in each call is shown once."""

import logging
import sys

import pytest

from recipe_requests import repeated


@pytest.fixture
def shown():
    """The messages of diffusers that reach the terminal."""
    messages = []
    handler = logging.StreamHandler(sys.stderr)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("diffusers")
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def test_a_message_of_each_call_is_shown_once(calls, shown):
    # 240 is not a multiple of 32, which the pipeline mentions in each call.
    calls("BriaFiboEditPipeline", *repeated(), width=240, height=128, steps=1)
    assert len([message for message in shown if "divisible by 32" in message]) == 1
