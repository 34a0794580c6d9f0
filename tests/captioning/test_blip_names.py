"""The authors' names for BLIP's parameters, at the real sizes."""

import json
from pathlib import Path

import pytest
import torch

from egoactgen_bench.captioning.blip_names import POSITIONS, released_state


def test_every_parameter_of_the_authors_base_captioner_is_covered(shared: Path) -> None:
    from transformers import BlipConfig, BlipForConditionalGeneration

    released = json.loads((shared / "golden/blip_base_param_shapes.json").read_text())
    with torch.device("meta"):
        ours = BlipForConditionalGeneration(BlipConfig())
    mapped = released_state(ours.state_dict())
    assert {name: list(tensor.shape) for name, tensor in mapped.items()} == released


@pytest.mark.parametrize("width", [768, 1024])
def test_no_two_parameters_share_a_name(width: int) -> None:
    from transformers import BlipConfig, BlipForConditionalGeneration

    vision = {"hidden_size": width, "num_attention_heads": width // 64, "num_hidden_layers": 24}
    config = BlipConfig(vision_config=vision, text_config={"encoder_hidden_size": width})
    with torch.device("meta"):
        state = BlipForConditionalGeneration(config).state_dict()
    mapped = released_state(state)
    assert len(mapped) == len(state) + 1
    assert mapped[POSITIONS].shape == (1, 512)
