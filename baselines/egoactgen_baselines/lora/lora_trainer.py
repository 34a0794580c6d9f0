"""`bench train lora`: an adapter of today's image editors, on pairs of frames."""

import gc
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from accelerate import PartialState

from egoactgen_baselines.lora import adapter, lora_costs
from egoactgen_baselines.lora.editor_families import family_of
from egoactgen_baselines.lora.encoded_samples import EncodedSamples
from egoactgen_baselines.lora.flow_matching import FlowMatching
from egoactgen_baselines.lora.lora_options import NON_SEMANTIC, PRESETS, LoraOptions
from egoactgen_baselines.pipelines import adapter_base, recipe_choice
from egoactgen_baselines.pipelines.call_recipe import ByArea
from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_baselines.pipelines.pipeline_folder import (
    check_folder,
    components,
    load_components,
    network_class,
    pipeline_class,
    saved_class,
)
from egoactgen_baselines.pipelines.pipeline_options import prompt_text
from egoactgen_bench.api.trainer import Trainer, TrainingContext
from egoactgen_bench.api.weights_folder import locate
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.diffusion.finetuning import training_checkpoints
from egoactgen_bench.diffusion.finetuning.frame_latents import Pair, frames_of
from egoactgen_bench.diffusion.finetuning.split_mixture import mixture_of, shares
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.support.training_costs import TrainingPlan
from egoactgen_bench.weights.pretrained import refusing

TRANSFORMER = "transformer"
NONE_SAVED = MemoryOptions.model_validate({})  # without quantization or offload


class LoraTrainer(Trainer[LoraOptions]):
    """LoRA adapters of FLUX.1 Kontext, FLUX.2 klein and Qwen-Image-Edit (`-o init=PATH`).

    `bench run --method diffusers:PATH -o lora=lora-SPLIT` generates with the adapter.
    """

    Options = LoraOptions
    takes_several_splits = True
    presets: ClassVar[Any] = PRESETS
    non_semantic_options = NON_SEMANTIC
    packages = ("torch", "accelerate", "diffusers", "peft", "transformers", "safetensors")

    def __init__(self, options: LoraOptions, context: TrainingContext) -> None:
        super().__init__(options, context)
        self.folder = _editor(options, context)
        name = saved_class(self.folder)
        self.family = family_of(name)
        self.kind = pipeline_class(self.folder, name)
        recipe, _ = recipe_choice.choose(self.folder, name, None)
        assert isinstance(recipe.size, ByArea)  # as that of every family
        self.size = recipe.size
        self._check_options()

    def _check_options(self) -> None:
        options, name = self.options, self.kind.__name__
        if options.text_tokens is not None and self.family.text_tokens is None:
            raise BenchError(f"-o text_tokens: {name} does not pad prompts; omit it.")
        if options.frame_resolution is not None and not self.family.resizes_frame:
            raise BenchError(
                f"-o frame_resolution: {name} gives frame and image the same size; omit it."
            )
        if "{description}" in options.written and self.context.descriptions is None:
            raise BenchError(
                "a prompt with the description needs descriptions: give --descriptions NAME."
            )

    @classmethod
    def costs(cls, options: LoraOptions, context: TrainingContext) -> TrainingPlan:
        folder = _editor(options, context)
        family = family_of(saved_class(folder))
        return lora_costs.plan(
            folder / TRANSFORMER,
            network_class(folder, TRANSFORMER),
            family,
            options,
            len(context.split.samples),
            ProcessShard.of_process().ranks,
        )

    def sources(self) -> dict[str, str]:
        return {"init": self._base.digest()}

    def train(self) -> dict[str, Any]:
        quiet()
        state = PartialState(cpu=self.context.device == "cpu")
        pairs, left_out = self._encoded_pairs(state)
        transformer = self._load([TRANSFORMER])[TRANSFORMER]
        adapter.add(transformer, self.family, self.options, self.context.seed)
        training_task = FlowMatching(
            transformer, self.family, pairs, self._encoded, self.options, self.context.seed
        )
        training_task.mixture = mixture_of(self.context.split, pairs)
        curve = TrainingLoop(training_task, self.options, self.context).run()
        if state.is_main_process:
            adapter.save(self.kind, transformer, self.context.folder)
            curve.write(self.context.folder)
            training_checkpoints.clear(self.context.folder)
        split = self.context.split
        counts = {"samples": len(split.samples), "used": len(pairs)} | shares(split, pairs)
        summary = f"{len(curve)} steps on {len(pairs)} samples, loss {curve.recent():.4f}"
        entries = {"counts": counts, "left_out": left_out, "summary": summary}
        return entries | {adapter_base.ENTRY: self._base.record()} | curve.summary()

    @cached_property
    def _base(self) -> adapter_base.AdapterBase:
        return adapter_base.of_folder(self.folder)

    @property
    def _dtype(self) -> torch.dtype:
        dtype: torch.dtype = getattr(torch, self.options.precision)
        return dtype

    @cached_property
    def _encoded(self) -> EncodedSamples:
        signature = f"{self._base.digest(without=TRANSFORMER)} {self.options.precision}"
        return EncodedSamples(self.context.cache, signature, self.family, self.size, self.options)

    def _encoded_pairs(self, state: PartialState) -> tuple[list[Pair], dict[str, str]]:
        """The usable samples, whose encodings are stored, and the reason codes of the others."""
        pairs = self._pairs()
        left_out = {pair.sample_id: "missing_description" for pair in pairs if not pair.prompt}
        prompted = [pair for pair in pairs if pair.prompt]
        part = slice(state.process_index, None, state.num_processes)
        if missing := self._encoded.missing(prompted, part):
            pipeline = self._encoders()
            self._encoded.encode(pipeline, missing, self.context.progress)
            # The transformer needs their memory.
            pipeline.to("cpu")
            del pipeline
            gc.collect()
            torch.cuda.empty_cache()
        state.wait_for_everyone()
        usable = [pair for pair in prompted if self._encoded.holds(pair)]
        unreadable = {pair.sample_id for pair in prompted} - {pair.sample_id for pair in usable}
        left_out |= dict.fromkeys(sorted(unreadable), "unreadable_frame")
        if not usable:
            code = next(iter(left_out.values()), "it is empty")
            name = self.context.split.name
            raise BenchError(f"Split '{name}' has no usable training sample ({code}).")
        return usable, left_out

    def _pairs(self) -> list[Pair]:
        split, found = self.context.split, self.context.descriptions
        texts = found.texts if found else {}
        ids, actions = split.samples["sample_id"], split.samples["action"]
        prompts = [
            prompt_text(self.options, action, texts.get(sample_id))
            for sample_id, action in zip(ids, actions, strict=True)
        ]
        columns = (ids, frames_of(split, "input"), frames_of(split, "target"), prompts)
        return [Pair(*each) for each in zip(*columns, strict=True)]

    def _encoders(self) -> Any:
        """The pipeline without its transformer, on the device."""
        names = [name for name in components(self.folder) if name != TRANSFORMER]
        with refusing(self.folder):
            pipeline = self.kind(**self._load(names), **{TRANSFORMER: None})
        return pipeline.to(self.context.device)

    def _load(self, names: Sequence[str]) -> dict[str, Any]:
        """Components of the pipeline, loaded strictly."""
        return load_components(self.folder, names, self._dtype, NONE_SAVED, networks_only=False)


def _editor(options: LoraOptions, context: TrainingContext) -> Path:
    """The folder of the editor to start from."""
    if options.init is None:
        raise BenchError(
            "This training needs an editor to start from: give -o init=PATH, a folder written "
            "by diffusers' save_pretrained."
        )
    folder = locate(options.init, context.models)
    check_folder(folder)
    return folder
