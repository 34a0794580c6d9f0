"""In training, a transformer is given what its pipeline gives it for generation."""

import pytest
import torch

from egoactgen_baselines.lora.editor_families import FAMILIES
from egoactgen_baselines.pipelines.diffusers_pipeline import DiffusersPipeline
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.support.images import resize
from pipeline_recorder import recording
from recipe_requests import sample

RESOLUTION = 96
EMPTY = {"args", "joint_attention_kwargs", "attention_kwargs"}


def same(given, expected):
    """Whether two arguments are equal, tensors in their dtype, too."""
    if isinstance(expected, torch.Tensor):
        return given.dtype == expected.dtype and torch.equal(given.expand_as(expected), expected)
    if isinstance(expected, list | tuple):
        return len(given) == len(expected) and all(map(same, given, expected))
    return given == expected


@pytest.mark.parametrize("name", FAMILIES)
def test_training_calls_the_transformer_as_generation_does(name, editor):
    options = PipelineOptions(resolution=RESOLUTION, steps=1)
    method = DiffusersPipeline(options, MethodContext(argument=str(editor(name))))
    pipeline, family, request = method.pipeline, FAMILIES[name], sample()
    with recording(pipeline) as recorded:
        method.generate([request])
    expected = recorded.of("transformer")[0]

    frame, generated = request.input, method.recipe.size.of(request.input.size, RESOLUTION**2)
    size = family.frame_size(frame.size, generated)
    seen = resize(frame, family.seen_size(frame.size, size)) if family.sees_frame else None
    rows, columns = generated[1] // 16, generated[0] // 16
    noisy = expected["hidden_states"][:, : rows * columns].reshape(1, rows, columns, -1)
    with torch.inference_mode(), recording(pipeline) as recorded:
        tokens = family.encode_frame(pipeline, frame, size)[None]
        texts = family.encode_text(pipeline, request.action, seen, family.text_tokens)
        predicted = family.predict(
            pipeline.transformer,
            noisy,
            tokens,
            expected["timestep"],
            {name: each[None] for name, each in texts.items()},
            2.5,
        )
    given = recorded.of("transformer")[0]
    assert predicted.shape == noisy.shape
    passed = {key for key, value in expected.items() if value is not None} - EMPTY
    assert passed == {key for key, value in given.items() if value is not None} - EMPTY
    assert not [key for key in passed if not same(given[key], expected[key])]
