"""Images per second: ours, diffusers' pipeline, and the loop over single images."""

from functools import cached_property, partial

import torch

from benchmarks import generation, released_generation
from benchmarks.gpu import networks
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setting import Add, Setting
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_lego.generator.lego_method import LEGOOptions

# With 28 steps, both samplers' times are whole training steps, for which their schedules agree.
STEPS, TOY_STEPS = 28, 4
BATCHES, TOY_BATCHES = (1, 8, 32), (1, 2)
# Each takes its own compilation: the most useful one first, as the time may run out.
COMPILED = (8, 32, 1)
CONDITIONING = "joint"


class Drawn(generation.Drawn):
    """LEGO on networks that are made in memory."""

    def __init__(self, setting: Setting, options: LEGOOptions) -> None:
        self.setting = setting
        folder = untrained_weights.folder(setting.folder)
        context = MethodContext(folder, device=setting.device, dtype=setting.dtype)
        super().__init__(CONDITIONING, options, context)

    @cached_property
    def model(self) -> LatentModel:
        found = networks.build(self.setting)
        found.unet.to(getattr(torch, self.setting.dtype), memory_format=torch.channels_last)
        if self.options.compile:
            found.unet.compile(backend="eager" if self.setting.toy else "inductor")
        return found


def measure(setting: Setting, add: Add) -> None:
    """All three, without a compiler."""
    steps = TOY_STEPS if setting.toy else STEPS
    method = Drawn(setting, LEGOOptions(steps=steps))
    method.load()  # the empty prompt is kept: the loop would encode it in 16 bits
    single = rate_of_loop(setting, method, steps, count=1 if setting.toy else 2)
    add(Row("one-image loop", single, "images/s"))
    scheduler = method.folder / "scheduler"
    pipeline = generation.stock_pipeline(Drawn(setting, LEGOOptions()).model, scheduler)
    for batch in TOY_BATCHES if setting.toy else BATCHES:
        asked = generation.requests(batch, method.model.size)
        setting.reset_peak()
        ours = _seconds(setting, partial(method.generate, asked))
        peak = setting.peak_gb()
        stock = _seconds(setting, partial(generation.stock, pipeline, method, asked, "pil"))
        add(Row(f"batch {batch}, ours", batch / ours, "images/s", single))
        add(Row(f"batch {batch}, diffusers' pipeline", batch / stock, "images/s", single))
        add(Row(f"batch {batch}, ours, peak memory", peak, "GB"))


def measure_compiled(setting: Setting, add: Add) -> None:
    """Ours with torch.compile, compared with ours without it."""
    steps = TOY_STEPS if setting.toy else STEPS
    compiled, plain = (
        Drawn(setting, LEGOOptions(steps=steps, compile=each)) for each in (True, False)
    )
    for batch in TOY_BATCHES[1:] if setting.toy else COMPILED:
        asked = generation.requests(batch, plain.model.size)
        first = setting.seconds(partial(compiled.generate, asked))
        add(Row(f"batch {batch}, first call", first, "s"))
        with_it, without = (
            batch / _seconds(setting, partial(each.generate, asked)) for each in (compiled, plain)
        )
        add(Row(f"batch {batch}, ours, compiled", with_it, "images/s", without))


def rate_of_loop(setting: Setting, method: Drawn, steps: int, count: int) -> float:
    """Images per second of the loop over single images."""
    model = networks.build(setting)
    call = partial(released_generation.generate, model, condition=condition_of(method), steps=steps)
    asked = generation.requests(count, model.size)
    call(asked[:1])
    return count / setting.seconds(partial(call, asked))


def condition_of(method: Drawn) -> released_generation.Condition:
    """The method's contexts for single requests."""

    def condition(request: Request) -> tuple[torch.Tensor, torch.Tensor]:
        context = method._context([(request, method.features_of(request))])
        return context, method.conditioner.null(method.empty_prompt)

    return condition


def _seconds(setting: Setting, call: partial) -> float:
    """Of the second call; the first one warms up."""
    call()
    return setting.seconds(call)
