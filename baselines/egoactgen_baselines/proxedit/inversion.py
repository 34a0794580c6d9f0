"""DDIM inversion of a latent, and its edit by negative-prompt inversion with proximal guidance.

Both use the released schedule: "leading" times N·1000/steps + 1, and ᾱ of step 0 before the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import torch
from torch import Tensor

from egoactgen_baselines.proxedit.controlled_attention import PromptToPrompt
from egoactgen_baselines.proxedit.proximal import Proximal
from egoactgen_bench.diffusion.denoiser.noise_schedule import BETA_END, BETA_START, STEPS

# Latents (rows, C, h, w), t, contexts (rows, L, width) → predicted ε.
Predict = Callable[[Tensor, int, Tensor], Tensor]
Record = Callable[[int, Tensor, Tensor | None, Tensor | None], None]


@dataclass(frozen=True)
class Times:
    """The training times t of a schedule with `steps` steps."""

    steps: int

    @property
    def stride(self) -> int:
        return STEPS // self.steps

    @cached_property
    def rising(self) -> list[int]:
        return [number * self.stride + 1 for number in range(self.steps)]

    def clean(self, latent: Tensor, noise: Tensor, time: int) -> Tensor:
        """The predicted x_0 of a latent at `time`: DDIM (arXiv 2010.02502), equation 9."""
        kept, noisy = roots(time)
        return (latent - noisy * noise) / kept

    def noisy(self, clean: Tensor, noise: Tensor, time: int) -> Tensor:
        """The latent at `time` from x_0 and ε: equation 12 with σ = 0."""
        kept, noisy = roots(time)
        return kept * clean + noisy * noise


@cache
def _alphas() -> Tensor:
    """(1000,) ᾱ in float32 as in Stable Diffusion's code, since its 1 − ᾱ is imprecise."""
    # In float64, rounded where that code rounds: the last bit of torch.linspace and torch.sqrt in
    # float32 depends on the processor.
    ends = torch.tensor([BETA_START**0.5, BETA_END**0.5])
    step = ((ends[1] - ends[0]) / (STEPS - 1)).double()
    first, last = ends.double()
    number = torch.arange(STEPS, dtype=torch.float64)
    from_end = last - step * (STEPS - 1 - number)
    betas = torch.where(number < STEPS // 2, first + step * number, from_end).float().square()
    return (1 - betas).double().cumprod(dim=0).float()


def roots(time: int) -> tuple[Tensor, Tensor]:
    """√ᾱ and √(1 − ᾱ) at `time`, float32; before the first time, those of step 0."""
    kept = _alphas()[max(time, 0)]
    return kept.double().sqrt().float(), (1 - kept).double().sqrt().float()


@dataclass(frozen=True)
class Guidance:
    """Guidance of the edit; `scale` is w.

    At t < `recon_t` (t > −`recon_t` if negative; 0: never) and outside the edited region, inversion
    guidance moves each latent, and reconstruction guidance each x_0, towards the inverted frame's
    by the fraction `recon_lr`. Both require a proximal operator.
    """

    scale: float = 7.5
    proximal: Proximal = field(default_factory=Proximal)
    inversion: bool = True
    reconstruction: bool = False
    recon_lr: float = 1.0
    recon_t: int = 400

    def applies(self, time: int) -> bool:
        """Whether inversion and reconstruction guidance act at `time`."""
        if self.proximal.operator == "none":
            return False
        return time < self.recon_t if self.recon_t >= 0 else time > -self.recon_t


@dataclass(frozen=True)
class Prompts:
    """Embeddings (B, L, width); `negative` is `source` unless moved towards the null text."""

    source: Tensor
    target: Tensor
    negative: Tensor


def invert(predict: Predict, latent: Tensor, source: Tensor, times: Times) -> list[Tensor]:
    """z_0 … z_T of latents (B, C, h, w) with their source prompts (B, L, width), guidance 1."""
    found = [latent]
    for time in times.rising:
        noise = predict(found[-1], time, source)
        clean = times.clean(found[-1], noise, time - times.stride)
        found.append(times.noisy(clean, noise, time))
    return found


def edit(
    predict: Predict,
    inverted: Sequence[Tensor],
    prompts: Prompts,
    times: Times,
    guidance: Guidance,
    control: PromptToPrompt | None = None,
    record: Record | None = None,
) -> Tensor:
    """(2, B, C, h, w): the reconstructed source and the edited target, from the inversion's z_T.

    `record` is called after each step with t, the latents, the thresholds and the edit mask.
    """
    pair = torch.stack([inverted[-1]] * 2)
    for number, time in enumerate(reversed(times.rising)):
        if control:
            control.step = number
        negative, difference = _predict_pair(predict, pair, time, prompts)
        shrunk, threshold = guidance.proximal(difference)
        noise = negative + guidance.scale * shrunk
        clean = times.clean(pair, noise, time)
        applies = guidance.applies(time)
        mask = guidance.proximal.edited(shrunk, threshold) if applies else torch.ones_like(pair)
        rate = guidance.recon_lr * (1 - mask)
        if guidance.reconstruction and applies:
            clean = clean - rate * (clean - inverted[0])
        pair = times.noisy(clean, noise, time - times.stride)
        if guidance.inversion and applies:
            pair = pair - rate * (pair - inverted[times.steps - 1 - number])
        if control and control.blend:
            pair = control.blend(pair)
        if record:
            record(time, pair, threshold, mask if applies else None)
    return pair


def _predict_pair(
    predict: Predict, pair: Tensor, time: int, prompts: Prompts
) -> tuple[Tensor, Tensor]:
    """ε with the negative prompts, and its difference to ε with the pair's: (2, B, C, h, w)."""
    source, target = pair
    latents = [target, source, target]
    texts = [prompts.negative, prompts.source, prompts.target]
    apart = prompts.negative is not prompts.source  # if equal, one row is used for both
    if apart:
        latents, texts = [source, *latents], [prompts.negative, *texts]
    noises = predict(torch.cat(latents), time, torch.cat(texts)).chunk(len(latents))
    own = torch.stack(noises[-2:])
    negative = torch.stack([noises[0] if apart else noises[-2], noises[-3]])
    return negative, own - negative


def towards_null(source: Tensor, null: Tensor, share: float) -> Tensor:
    """The negative embedding: spherical interpolation from `source` to `null`, as flat vectors."""
    if not share:
        return source
    one, other = source.flatten(1), null.expand_as(source).flatten(1)
    cosine = (one * other).sum(1) / (one.norm(dim=1) * other.norm(dim=1))
    angle = cosine.clamp(-1, 1).acos()[:, None, None]
    weights = torch.sin((1 - share) * angle), torch.sin(share * angle)
    curved = (weights[0] * source + weights[1] * null) / torch.sin(angle)
    return torch.where(angle > 1e-3, curved, source.lerp(null.expand_as(source), share))
