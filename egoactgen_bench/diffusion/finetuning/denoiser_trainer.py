"""The base of the trainers of all denoisers; a subclass defines the conditioning."""

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from accelerate import PartialState

from egoactgen_bench.api.toy_weights import are_toy
from egoactgen_bench.api.trainer import Prerequisite, Trainer, TrainingContext
from egoactgen_bench.diffusion.denoiser import latent_model, shipped_weights
from egoactgen_bench.diffusion.denoiser.latent_method import SAMPLING, read_sampling
from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_bench.diffusion.denoiser.noise_schedule import save_scheduler
from egoactgen_bench.diffusion.denoiser.stable_diffusion_weights import STABLE_DIFFUSION
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.diffusion.finetuning import starting_networks, training_checkpoints
from egoactgen_bench.diffusion.finetuning.denoiser_costs import (
    SMALLER,
    FeatureSizes,
    measure,
    planned,
)
from egoactgen_bench.diffusion.finetuning.denoising_loss import Denoising
from egoactgen_bench.diffusion.finetuning.denoising_samples import FeatureSource, NoFeatures
from egoactgen_bench.diffusion.finetuning.frame_latents import Latents, Pair, frames_of
from egoactgen_bench.diffusion.finetuning.full_size_networks import configurations
from egoactgen_bench.diffusion.finetuning.split_mixture import mixture_of, shares
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
from egoactgen_bench.diffusion.finetuning.training_options import (
    NON_SEMANTIC,
    PRESETS,
    FinetuningOptions,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import write_json
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.support.training_costs import TrainingPlan, require_memory

ANOTHER_AUTOENCODER = "-o autoencoder=NAME uses an existing one"
AUTOENCODER_FIRST = (
    "Networks from scratch need an autoencoder, which is trained on the split first if "
    f"models/autoencoder-SPLIT is not finished; {ANOTHER_AUTOENCODER}"
)
NO_INIT = (
    "This training needs weights to start from: give -o init=PATH, a diffusers folder of Stable "
    "Diffusion 1.5 or InstructPix2Pix, or their checkpoint file."
)
OptionsT = TypeVar("OptionsT", bound=FinetuningOptions)


class DenoiserTrainer(Trainer[OptionsT]):
    """A trainer whose UNet learns to predict the noise in the target's latent."""

    takes_several_splits = True
    presets: ClassVar[Any] = PRESETS
    non_semantic_options = NON_SEMANTIC
    published_weights = (STABLE_DIFFUSION,)
    packages = ("torch", "accelerate", "diffusers", "transformers", "safetensors")
    pipeline: ClassVar[str | None] = None  # diffusers' pipeline class for these weights
    toy_weights: ClassVar[Path | None] = None  # the weights of `-o init=toy`
    # Defaults for generating with small networks trained from scratch, which need few steps;
    # measured on the toy kitchen.
    sampling: ClassVar[dict[str, Any]] = {"steps": 4, "guidance_text": 2.5, "guidance_image": 1.0}
    channels: ClassVar[int] = 2  # latents that enter the UNet: the noisy one and the input frame's

    def __init__(self, options: OptionsT, context: TrainingContext) -> None:
        super().__init__(options, context)
        if options.init is None:
            raise BenchError(NO_INIT)
        self.scratch = options.init == starting_networks.SCRATCH
        self.init = None if self.scratch else self._find(options.init)

    def _find(self, name: str) -> Path:
        models = self.context.models
        return shipped_weights.find(name, self.toy_weights, models) or starting_networks.find(
            name, models, type(self)
        )

    @classmethod
    def on_device(cls, options: OptionsT, device: str) -> OptionsT:
        return options.on_device(device)

    @classmethod
    def costs(cls, options: OptionsT, context: TrainingContext) -> TrainingPlan:
        if options.init is None:
            raise BenchError(NO_INIT)
        found = configurations(options.init, context.models, cls.toy_weights, options.size)
        measured = measure(
            found, cls.channels, partial(cls.planned_conditioner, options, context), options
        )
        samples, processes = len(context.split.samples), ProcessShard.of_process().ranks
        notes = (AUTOENCODER_FIRST,) if _lacks_autoencoder(options) else ()
        return planned(measured, found.name, samples, processes, notes)

    @classmethod
    def planned_conditioner(
        cls, options: OptionsT, context: TrainingContext, width: int
    ) -> tuple[TextConditioner, FeatureSizes]:
        """A conditioner of the right sizes, for `costs`, and those of a sample's features."""
        return TextConditioner(), {}

    def check(self) -> None:
        _ = self._fitted

    @cached_property
    def _fitted(self) -> OptionsT:
        """The options, with a micro-batch for which the device's memory suffices."""
        device, asked = self.context.device, self.options.memory
        if asked is None and not device.startswith("cuda"):
            return self.options
        plan = self.costs(self.options, self.context)
        require_memory(plan, device, asked, SMALLER)
        return self.options.model_copy(update={"micro_batch": plan.micro_batch})

    def sources(self) -> dict[str, str]:
        return {"init": provenance.content_digest(self.init)} if self.init else {}

    def prompts(self) -> list[str]:
        """The prompt of each sample of the split; samples with an empty one are not used."""
        return [str(action) for action in self.context.split.samples["action"]]

    def conditioner(self, width: int) -> TextConditioner:
        """The module that conditions the UNet on prompt embeddings of this width and features."""
        return TextConditioner()

    def feature_source(self) -> FeatureSource:
        """Where the conditioner's inputs come from, apart from the prompt."""
        return NoFeatures()

    def lacks(self, pair: Pair) -> str | None:
        """The reason code of a sample that cannot be used for training, else None."""
        return None if pair.prompt else "missing_prompt"

    def train(self) -> dict[str, Any]:
        state = PartialState(cpu=self.context.device == "cpu")
        model = self._start(self._vae_folder())
        latents = self._encoded(model, state)
        pairs, left_out = self._pairs(latents)
        conditioner = self.conditioner(int(model.text_encoder.config.hidden_size))
        training_task = Denoising(
            model,
            conditioner,
            pairs,
            latents.complete(),
            self.feature_source(),
            self.options,
            self.context.seed,
        )
        training_task.mixture = mixture_of(self.context.split, pairs)
        curve = TrainingLoop(training_task, self._fitted, self.context).run()
        if self.options.lora:
            starting_networks.merge(model.unet)
        if state.is_main_process:
            self.save(model, conditioner)
            curve.write(self.context.folder)
            training_checkpoints.clear(self.context.folder)
        split = self.context.split
        counts = {"samples": len(split.samples), "used": len(pairs)} | shares(split, pairs)
        summary = f"{len(curve)} steps on {len(pairs)} samples, loss {curve.recent():.4f}"
        return {"counts": counts, "left_out": left_out, "summary": summary} | curve.summary()

    def save(self, model: LatentModel, conditioner: TextConditioner) -> None:
        """Write the networks in subfolders, as diffusers and transformers load them."""
        latent_model.quiet()
        folder = self.context.folder
        for name in ("unet", "vae", "text_encoder", "tokenizer"):
            getattr(model, name).save_pretrained(folder / name)
        save_scheduler(folder / "scheduler", model.prediction)
        if sampling := self._recommended():
            write_json(folder / SAMPLING, sampling)
        if self.pipeline is not None:
            write_json(folder / "model_index.json", _model_index(self.pipeline))

    def _recommended(self) -> dict[str, Any]:
        """Sampling options for the trained weights.

        Those of the weights to start from that this method has, too; without their VLLM, as this
        training may use another one's features. Toy weights of another method lack some, and get
        this method's defaults.
        """
        known = self.sampling if self.scratch else read_sampling(self.init)
        if not self.sampling.keys() <= known.keys() and are_toy(self.init):
            return self.sampling
        return {key: value for key, value in known.items() if key in self.sampling}

    @property
    def _own_autoencoder(self) -> Path:
        """The autoencoder that is trained first if networks from scratch are given no other."""
        return self.context.models / f"autoencoder-{self.context.split.name}"

    def prerequisites(self) -> Sequence[Prerequisite]:
        if not _lacks_autoencoder(self.options):
            return ()
        size = {"size": self.options.size}
        return (Prerequisite("autoencoder", self._own_autoencoder, size, ANOTHER_AUTOENCODER),)

    def _vae_folder(self) -> Path:
        """The folder of the autoencoder."""
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

    def _encoded(self, model: LatentModel, state: PartialState) -> Latents:
        """The latents of all readable frames, on disk."""
        latents = Latents(self.context.cache, model.vae, self.options.size)
        roles = ("input", "target")[2 - self.channels :]
        probabilities = {False: 1 - self.options.flip, True: self.options.flip}
        sides = [mirrored for mirrored, probability in probabilities.items() if probability]
        wanted = [
            (frame, side)
            for role in roles
            for frame in frames_of(self.context.split, role)
            for side in sides
        ]
        part = slice(state.process_index, None, state.num_processes)
        latents.encode(wanted, self.context.device, part, self.context.progress)
        state.wait_for_everyone()
        latents.store.refresh()
        return latents

    def _pairs(self, latents: Latents) -> tuple[list[Pair], dict[str, str]]:
        """The usable samples, and the reason codes of the others."""
        split = self.context.split
        ids = split.samples["sample_id"]
        columns = (ids, frames_of(split, "input"), frames_of(split, "target"), self.prompts())
        pairs = [Pair(*each) for each in zip(*columns, strict=True)]
        stored = self._stored(pairs, latents)
        reasons = {
            pair.sample_id: self.lacks(pair) if found else "unreadable_frame"
            for pair, found in zip(pairs, stored, strict=True)
        }
        left_out = {sample_id: reason for sample_id, reason in reasons.items() if reason}
        usable = [pair for pair in pairs if pair.sample_id not in left_out]
        if not usable:
            code = next(iter(left_out.values()), "it is empty")
            raise BenchError(f"Split '{split.name}' has no usable training sample ({code}).")
        return usable, left_out

    def _stored(self, pairs: Sequence[Pair], latents: Latents) -> list[bool]:
        """Whether the latents of each pair's frames are stored."""
        mirrored = self.options.flip == 1
        targets = latents.held([pair.target for pair in pairs], mirrored)
        if self.channels == 1:
            return targets
        inputs = latents.held([pair.input for pair in pairs], mirrored)
        return [one and other for one, other in zip(inputs, targets, strict=True)]


def _lacks_autoencoder(options: FinetuningOptions) -> bool:
    return options.init == starting_networks.SCRATCH and options.autoencoder is None


def _model_index(pipeline: str) -> dict[str, Any]:
    """The content of model_index.json, by which diffusers loads the folder as a pipeline."""
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
