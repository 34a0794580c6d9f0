"""BLIP-B and BLIP-L: similarity of a caption of the output to the action label or description."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from egoactgen_bench.api.feature_metric import cosine
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Batch, Extractor, content_key
from egoactgen_bench.api.metric_deviations import Axes
from egoactgen_bench.api.options import Options
from egoactgen_bench.artifacts.manifests import EgoVLP as ClipLength
from egoactgen_bench.captioning import captioner_choice
from egoactgen_bench.captioning.caption_store import CaptionStore
from egoactgen_bench.captioning.captioner import Captioner, CaptionerName, Decoding
from egoactgen_bench.metrics import clip, egovlp
from egoactgen_bench.support import images
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.row_store import short_keys

HALF = np.uint64(32)  # bits of a key that a float64 holds exactly


class CaptionOptions(Options):
    against: Literal["action", "description"] = Field(
        default="action", description="the text that the caption is compared with"
    )
    encoder: Literal["clip", "egovlp"] = Field(
        default="clip", description="network whose text tower embeds both"
    )
    resize: Literal["lanczos", "released"] = Field(
        default="lanczos",
        description="to the target's size first, or directly to the captioner's square",
    )
    prompt: str = Field(default=Decoding.prompt, description="beginning of every caption")
    beams: int = Field(default=Decoding.beams, ge=2, description="width of the beam search")
    shortest: int = Field(
        default=Decoding.shortest, description="minimum length in tokens, prompt included"
    )
    longest: int = Field(
        default=Decoding.longest, ge=5, description="maximum length in tokens, prompt included"
    )
    captioner: CaptionerName = Field(
        default="transformers", description="library that runs BLIP; `--captioner` sets it"
    )
    clip_length: ClipLength = Field(
        default="4-frame",
        description="published checkpoint of encoder egovlp; the default depends on the data set",
    )


class CaptionSimilarity(Metric[CaptionOptions]):
    """Base of metrics that compare a caption of the output with a text of the sample.

    A row contains the cosine and the key of the caption, in two halves of 32 bits.
    """

    factor = 100
    higher_is_better = True
    bounds = (-1.0, 1.0)
    packages = ("open_clip_torch", "pillow", "torch", "transformers")
    Options = CaptionOptions
    shares_defaults_of = "egovlp"
    unsigned = frozenset({"clip_length"})  # the checkpoint's hash states it
    size: ClassVar[captioner_choice.Size]
    standard = CaptionOptions()
    released: ClassVar[CaptionOptions | None] = None

    def __init__(self, options: CaptionOptions, context: MetricContext) -> None:
        super().__init__(options, context)
        self.needs = frozenset({"output", options.against})
        if options.resize == "lanczos":
            self.needs |= {"target"}
        self._store: CaptionStore | None = None

    def __init_subclass__(cls) -> None:
        captioners = captioner_choice.PUBLISHED[cls.size]
        texts = (clip.PUBLISHED["ViT-L-14"], *egovlp.PUBLISHED, egovlp.DISTILBERT)
        cls.published_weights = (*captioners, *texts)

    @classmethod
    def variants(cls) -> Mapping[str, CaptionOptions]:
        variants = {"standard": cls.standard, "lego-release": cls.released}
        return {protocol: options for protocol, options in variants.items() if options}

    @classmethod
    def known_deviations(cls) -> Axes:
        """Without the length of EgoVLP's clips, which does not concern a text tower."""
        axes = super().known_deviations()
        return {name: deviations for name, deviations in axes.items() if name != "clip_length"}

    def facts(self) -> Mapping[str, str]:
        """The released code left the captioner's dropout active; here it is always off."""
        return {"captioner": captioner_choice.release(self.options.captioner), "dropout": "off"}

    def weights(self) -> captioner_choice.Files:
        texts: captioner_choice.Files = (clip.WEIGHTS,)
        if self.options.encoder == "egovlp":
            checkpoint, _ = egovlp.CHECKPOINTS[self.options.clip_length]
            texts = (checkpoint,), (egovlp.DISTILBERT.name,)
        return (*captioner_choice.weights(self.options.captioner, self.size), *texts)

    def obstacle(self) -> str | None:
        return captioner_choice.obstacle(self.options.captioner, self.context.workspace)

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 3) float64: cosines in [−1, 1], and both halves of the captions' keys."""
        keys, captions = self._caption(batch)
        encoder = self._encoder()
        ours = batch.encode(encoder, [(caption,) for caption in captions])
        theirs = batch.features(encoder, self.options.against)
        high, low = np.divmod(short_keys(keys), np.uint64(1) << HALF)
        return np.stack([cosine(ours, theirs), high, low], axis=1)

    def captions(self, rows: NDArray[np.floating]) -> Mapping[str, list[str]]:
        high, low = rows[:, 1:].T.astype(np.uint64)
        keys = np.bitwise_or(np.left_shift(high, HALF), low)
        return {f"BLIP {self.size}": self._captions_kept().find(keys)}

    def _caption(self, batch: Batch) -> tuple[list[bytes], list[str]]:
        """Keys and captions of a batch's outputs; metrics of one captioner share them."""
        captioner = self._captioner()
        fit = images.resize if self.options.resize == "lanczos" else None

        def compute() -> tuple[list[bytes], list[str]]:
            frames = batch.images("output", fit)
            keys = [content_key((frame,)) for frame in frames]
            return keys, self._captions_kept().get(
                keys, lambda wanted: captioner.caption([frames[index] for index in wanted])
            )

        return batch.once(f"{captioner.kept_as()}|{self.options.resize}", compute)

    def _captions_kept(self) -> CaptionStore:
        if self._store is None:
            name = sha256_bytes(self._captioner().kept_as().encode())[:24]
            folder = self.context.workspace / "cache" / "captions" / name
            self._store = CaptionStore(folder, fresh=self.context.fresh)
        return self._store

    def _captioner(self) -> Captioner:
        chosen = self.options.model_dump(include={"prompt", "beams", "shortest", "longest"})
        return captioner_choice.build(
            self.options.captioner,
            self.size,
            Decoding(**chosen),
            self.weight_path,
            self.context.device,
            self.context.workspace,
        )

    def _encoder(self) -> Extractor:
        if self.options.encoder == "clip":
            from egoactgen_bench.metrics.clip_network import ClipTexts

            return ClipTexts(self.weight_path(*clip.WEIGHTS), self.context.device)
        from egoactgen_bench.metrics.egovlp_features import EgovlpSentences

        checkpoint, _ = egovlp.CHECKPOINTS[self.options.clip_length]
        return EgovlpSentences(
            self.weight_path(checkpoint),
            self.weight_path(egovlp.DISTILBERT.name),
            self.context.device,
        )


class BlipBase(CaptionSimilarity):
    """Similarity of BLIP base's caption of the output to the action label (BLIP-B)."""

    name, label = "blip_b", "BLIP-B"
    size = "base"
    position = 70
    released = CaptionOptions(against="description", encoder="egovlp", resize="released")


class BlipBaseDescription(CaptionSimilarity):
    """Similarity of BLIP base's caption of the output to the description."""

    name, label = "blip_b_description", "BLIP-B description"
    size = "base"
    position = 72
    standard = CaptionOptions(against="description")


class BlipBaseEgovlp(CaptionSimilarity):
    """Similarity of BLIP base's caption to the action label, in EgoVLP's embedding space."""

    name, label = "blip_b_egovlp", "BLIP-B EgoVLP"
    size = "base"
    position = 74
    standard = CaptionOptions(encoder="egovlp")


class BlipBaseEgovlpDescription(CaptionSimilarity):
    """Similarity of BLIP base's caption to the description, in EgoVLP's embedding space."""

    name, label = "blip_b_egovlp_description", "BLIP-B EgoVLP description"
    size = "base"
    position = 76
    standard = CaptionOptions(against="description", encoder="egovlp")


class BlipLarge(CaptionSimilarity):
    """Similarity of BLIP large's caption of the output to the action label (BLIP-L)."""

    name, label = "blip_l", "BLIP-L"
    size = "large"
    position = 71
    released = CaptionOptions(against="description", encoder="egovlp", resize="released")


class BlipLargeDescription(CaptionSimilarity):
    """Similarity of BLIP large's caption of the output to the description."""

    name, label = "blip_l_description", "BLIP-L description"
    size = "large"
    position = 73
    standard = CaptionOptions(against="description")


class BlipLargeEgovlp(CaptionSimilarity):
    """Similarity of BLIP large's caption to the action label, in EgoVLP's embedding space."""

    name, label = "blip_l_egovlp", "BLIP-L EgoVLP"
    size = "large"
    position = 75
    standard = CaptionOptions(encoder="egovlp")


class BlipLargeEgovlpDescription(CaptionSimilarity):
    """Similarity of BLIP large's caption to the description, in EgoVLP's embedding space."""

    name, label = "blip_l_egovlp_description", "BLIP-L EgoVLP description"
    size = "large"
    position = 77
    standard = CaptionOptions(against="description", encoder="egovlp")
