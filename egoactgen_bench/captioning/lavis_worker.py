"""Captions image files with LAVIS's BLIP, in the environment that `bench setup lavis` creates.

It is run by its path, imports nothing from egoactgen_bench, and its working directory contains
`bert-base-uncased/vocab.txt`. Each line on stdin is the path of a job's JSON: frames (paths),
weights (a checkpoint with the authors' names), decoding, device, captions (the CSV to write). Each
job is answered by a line on stdout, `done` or the error; the output of libraries goes to stderr.
"""

import csv
import functools
import importlib
import importlib.util
import json
import math
import os
import sys
import types
from pathlib import Path
from typing import Any

AT_ONCE = 8  # frames


def open_lavis() -> None:
    """Make LAVIS's captioner importable without the rest of LAVIS.

    Its packages import every model, data set and task, and with them thirty libraries. They are
    replaced by empty ones with only the base classes that its registry needs.
    """
    (root,) = importlib.util.find_spec("lavis").submodule_search_locations  # type: ignore[union-attr,misc]
    for package, base in (
        ("lavis", None),
        ("lavis.models", "base_model.BaseModel"),
        ("lavis.processors", "base_processor.BaseProcessor"),
    ):
        module = types.ModuleType(package)
        module.__path__ = [str(Path(root, *package.split(".")[1:]))]
        sys.modules[package] = module
        if base:
            name, _, attribute = base.partition(".")
            found = importlib.import_module(f"{package}.{name}")
            setattr(module, attribute, getattr(found, attribute))
    importlib.import_module("lavis.models.blip_models.blip_caption")
    importlib.import_module("lavis.processors.blip_processors")


@functools.cache
def load(weights: str, prompt: str, device: str) -> tuple[Any, Any]:
    """A captioner of the checkpoint's sizes, loaded strictly, and its image processor."""
    import torch
    from lavis.models.blip_models.blip_caption import BlipCaption
    from lavis.processors.blip_processors import BlipImageEvalProcessor

    found = torch.load(weights, map_location="cpu", mmap=True, weights_only=True)
    state = found.get("model", found)
    images, text = image_encoder(state), text_decoder(state)
    model = BlipCaption(images, text, prompt=prompt)
    model.load_state_dict(state, strict=True)
    return model.to(device).eval(), BlipImageEvalProcessor(image_size=image_size(state))


def image_size(state: Any) -> int:
    places: int = state["visual_encoder.pos_embed"].shape[1] - 1
    patch: int = state["visual_encoder.patch_embed.proj.weight"].shape[-1]
    return round(math.sqrt(places)) * patch


def image_encoder(state: Any) -> Any:
    from lavis.models.vit import VisionTransformerEncoder

    width, _, _, patch = state["visual_encoder.patch_embed.proj.weight"].shape
    return VisionTransformerEncoder(
        img_size=image_size(state),
        patch_size=patch,
        embed_dim=width,
        depth=count(state, "visual_encoder.blocks."),
        num_heads=width // 64,
        mlp_ratio=len(state["visual_encoder.blocks.0.mlp.fc1.bias"]) / width,
    )


def text_decoder(state: Any) -> Any:
    """A decoder with LAVIS's configuration and the checkpoint's sizes."""
    import lavis
    from lavis.models.med import XBertLMHeadDecoder
    from transformers import BertConfig

    config = BertConfig.from_json_file(f"{lavis.__path__[0]}/configs/models/med_config.json")
    vocabulary, width = state["text_decoder.bert.embeddings.word_embeddings.weight"].shape
    layer = "text_decoder.bert.encoder.layer."
    config.update(
        {
            "vocab_size": vocabulary,
            "hidden_size": width,
            "num_attention_heads": width // 64,
            "num_hidden_layers": count(state, layer),
            "intermediate_size": len(state[f"{layer}0.intermediate.dense.bias"]),
            "max_position_embeddings": len(
                state["text_decoder.bert.embeddings.position_embeddings.weight"]
            ),
            "encoder_width": state[f"{layer}0.crossattention.self.key.weight"].shape[1],
        }
    )
    return XBertLMHeadDecoder(config=config)


def count(state: Any, prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in state if name.startswith(prefix)})


def caption(job: Any) -> None:
    """Caption a job's frames and write the table atomically."""
    import torch
    from PIL import Image

    decoding = job["decoding"]
    model, processor = load(job["weights"], decoding["prompt"], job["device"])
    rows: list[tuple[str, str]] = []
    for start in range(0, len(job["frames"]), AT_ONCE):
        names = job["frames"][start : start + AT_ONCE]
        # Only formats that runs have: Pillow starts other programs for some others.
        opened = [Image.open(name, formats=("PNG", "JPEG", "WEBP")) for name in names]
        images = torch.stack([processor(image.convert("RGB")) for image in opened])
        with torch.inference_mode():
            captions = model.generate(
                {"image": images.to(job["device"])},
                num_beams=decoding["beams"],
                min_length=decoding["shortest"],
                max_length=decoding["longest"],
            )
        rows += zip(names, captions, strict=True)
    written = Path(job["captions"])
    unfinished = written.with_suffix(".tmp")
    with unfinished.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("frame", "caption"), *rows])
    unfinished.replace(written)


def main() -> None:
    # LAVIS and its libraries print to stdout, where the parent would read it as answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    open_lavis()
    if "--check" in sys.argv:
        return
    for line in sys.stdin:
        try:
            caption(json.loads(Path(line.rstrip("\n")).read_text(encoding="utf-8")))
            answer = "done"
        except Exception as error:  # noqa: BLE001  the parent reports it; the next job may succeed
            answer = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
