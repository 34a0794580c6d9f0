"""What the trainers of all denoisers share; a subclass says what its denoiser is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from accelerate import PartialState

from egoactgen_bench.api.trainer import Prerequisite, Trainer, TrainingContext
from egoactgen_bench.diffusion.denoiser import latent_model, shipped_weights
from egoactgen_bench.diffusion.denoiser.latent_method import SAMPLING, read_sampling
from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_bench.diffusion.denoiser.noise_schedule import save_scheduler
from egoactgen_bench.diffusion.denoiser.stable_diffusion_weights import STABLE_DIFFUSION
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.diffusion.finetuning import starting_networks, training_checkpoints
from egoactgen_bench.diffusion.finetuning.denoising_loss import Denoising, Features
from egoactgen_bench.diffusion.finetuning.frame_latents import Latents, Pair, frames_of
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
from egoactgen_bench.diffusion.finetuning.training_options import (
    NON_SEMANTIC,
    PRESETS,
    FinetuningOptions,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import write_json

OptionsT = TypeVar("OptionsT", bound=FinetuningOptions)


class DenoiserTrainer(Trainer[OptionsT]):
    """A trainer whose UNet learns the noise in the target's latent."""

    presets: ClassVar[Any] = PRESETS
    non_semantic_options = NON_SEMANTIC
    published_weights = (STABLE_DIFFUSION,)
    packages = ("torch", "accelerate", "diffusers", "transformers", "safetensors")
    pipeline: ClassVar[str | None] = None  # of diffusers, that these weights are of
    toy_weights: ClassVar[Path | None] = None  # what `-o init=toy` means
    # What small networks from scratch, which soon know what comes, ask for; measured on toys.
    sampling: ClassVar[dict[str, Any]] = {"steps": 4, "guidance_text": 2.5, "guidance_image": 1.0}
    channels: ClassVar[int] = 2  # latents into the UNet: the noisy one, and the input frame's

    def __init__(self, options: OptionsT, context: TrainingContext) -> None:
        super().__init__(options, context)
        if options.init is None:
            raise BenchError(
                "There is nothing to start from: give -o init=PATH, a diffusers folder of Stable "
                "Diffusion 1.5 or InstructPix2Pix, or their checkpoint file."
            )
        self.scratch = options.init == starting_networks.SCRATCH
        self.init = None if self.scratch else self._find(options.init)

    def _find(self, name: str) -> Path:
        models = self.context.models
        return shipped_weights.find(name, self.toy_weights, models) or starting_networks.find(
            name, models, type(self)
        )

    def sources(self) -> dict[str, str]:
        return {"init": provenance.content_digest(self.init)} if self.init else {}

    def prompts(self) -> list[str]:
        """The text of each sample of the split; an empty one leaves its sample out."""
        return [str(action) for action in self.context.split.samples["action"]]

    def conditioner(self, width: int) -> TextConditioner:
        """What becomes of prompts embedded in `width` numbers, and of the features."""
        return TextConditioner()

    def features_of(self, sample_id: str) -> Features:
        """What the conditioner takes of a sample beside its prompt."""
        return {}

    def lacks(self, pair: Pair) -> str | None:
        """A reason code where a sample cannot be learnt from."""
        return None if pair.prompt else "missing_prompt"

    def train(self) -> dict[str, Any]:
        state = PartialState(cpu=self.context.device == "cpu")
        vae_folder = self._vae_folder()
        model = self._start(vae_folder)
        latents = self._encoded(model, vae_folder, state)
        pairs, left_out = self._pairs(latents)
        conditioner = self.conditioner(int(model.text_encoder.config.hidden_size))
        training_task = Denoising(
            model, conditioner, pairs, latents, self.features_of, self.options, self.context.seed
        )
        curve = TrainingLoop(training_task, self.options, self.context).run()
        if self.options.lora:
            starting_networks.merge(model.unet)
        if state.is_main_process:
            self.save(model, conditioner)
            curve.write(self.context.folder)
            training_checkpoints.clear(self.context.folder)
        counts = {"samples": len(self.context.split.samples), "used": len(pairs)}
        said = f"{len(curve)} steps on {len(pairs)} samples, loss {curve.recent():.4f}"
        return {"counts": counts, "left_out": left_out, "summary": said} | curve.summary()

    def save(self, model: LatentModel, conditioner: TextConditioner) -> None:
        """Write the networks as diffusers and transformers load them by subfolder."""
        latent_model.quiet()
        folder = self.context.folder
        for name in ("unet", "vae", "text_encoder", "tokenizer"):
            getattr(model, name).save_pretrained(folder / name)
        save_scheduler(folder / "scheduler", model.prediction)
        # Of weights to start from not the VLLM: these may have been told by another.
        known = self.sampling if self.scratch else read_sampling(self.init)
        if asked := {key: value for key, value in known.items() if key in self.sampling}:
            write_json(folder / SAMPLING, asked)
        if self.pipeline is not None:
            write_json(folder / "model_index.json", _model_index(self.pipeline))

    @property
    def _own_autoencoder(self) -> Path:
        """The autoencoder that is trained first, where small networks get no other."""
        return self.context.models / f"autoencoder-{self.context.split.name}"

    def prerequisites(self) -> Sequence[Prerequisite]:
        if self.init is not None or self.options.autoencoder is not None:
            return ()
        size = {"size": self.options.size}
        return (Prerequisite("autoencoder", self._own_autoencoder, size),)

    def _vae_folder(self) -> Path:
        """Where the autoencoder is."""
        if self.init is not None:
            return self.init / "vae"
        if self.options.autoencoder is not None:
            return self._find(self.options.autoencoder) / "vae"
        return self._own_autoencoder / "vae"

    def _start(self, vae_folder: Path) -> LatentModel:
        size, seed = self.options.size, self.context.seed
        if self.init is not None:
            return starting_networks.from_weights(self.init, self.channels, size)
        vae, prediction = starting_networks.load_vae(vae_folder), self.options.prediction
        return starting_networks.from_scratch(vae, self.channels, size, seed, prediction)

    def _encoded(self, model: LatentModel, vae_folder: Path, state: PartialState) -> Latents:
        """The latents of all frames that can be read, on disk."""
        digest = provenance.content_digest(vae_folder)
        latents = Latents(self.context.cache, model.vae, digest, self.options.size)
        roles = ("input", "target")[2 - self.channels :]
        chances = {False: 1 - self.options.flip, True: self.options.flip}
        sides = [mirrored for mirrored, chance in chances.items() if chance]
        asked = [
            (frame, side)
            for role in roles
            for frame in frames_of(self.context.split, role)
            for side in sides
        ]
        part = slice(state.process_index, None, state.num_processes)
        latents.encode(asked, self.context.device, part, self.context.progress)
        state.wait_for_everyone()
        latents.store.refresh()
        return latents

    def _pairs(self, latents: Latents) -> tuple[list[Pair], dict[str, str]]:
        """What can be learnt from, and the reason codes of the samples that are left out."""
        split = self.context.split
        ids = split.samples["sample_id"]
        columns = (ids, frames_of(split, "input"), frames_of(split, "target"), self.prompts())
        pairs = [Pair(*each) for each in zip(*columns, strict=True)]
        reasons = {pair.sample_id: self._reason(pair, latents) for pair in pairs}
        left_out = {sample_id: reason for sample_id, reason in reasons.items() if reason}
        usable = [pair for pair in pairs if pair.sample_id not in left_out]
        if not usable:
            code = next(iter(left_out.values()), "there are none")
            raise BenchError(f"No sample of split '{split.name}' can be learnt from ({code}).")
        return usable, left_out

    def _reason(self, pair: Pair, latents: Latents) -> str | None:
        frames = (pair.input, pair.target)[2 - self.channels :]
        mirrored = self.options.flip == 1
        if not all(latents.holds(frame, mirrored) for frame in frames):
            return "unreadable_frame"
        return self.lacks(pair)


def _model_index(pipeline: str) -> dict[str, Any]:
    """What diffusers reads first of a folder."""
    return {
        "_class_name": pipeline,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "EulerAncestralDiscreteScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
    }
