"""What the unfinished trainings of an ablation would take, by the networks' configurations."""

from egoactgen_bench.stages.train.training_estimate import UNKNOWN, Estimate, estimate
from egoactgen_bench.support.training_costs import estimated_hours
from egoactgen_lego.ablation.ablation_rows import Source, training_of
from egoactgen_lego.ablation.experiment import Ablation, finished
from egoactgen_lego.features.conditioning_names import kinds_of


def lines(ablation: Ablation) -> list[str]:
    """The costs of each training in short, and the hours of all; none if all are finished."""
    left = {
        name: sum(not finished(ablation, name, seed) for seed in ablation.seeds)
        for name in ablation.trainings
    }
    found = {name: _estimate(ablation, name) for name, count in left.items() if count}
    written = []
    for name, each in found.items():
        written.append(f"Training {name}, to do for {left[name]} of {len(ablation.seeds)} seeds:")
        brief = each.plan.brief(each.card, each.limit) if each else [UNKNOWN]
        written += [f"  {line}" for line in brief]
    known = {name: each for name, each in found.items() if each}
    if known:
        plans = [each.plan for name, each in known.items() for _ in range(left[name])]
        card = next(iter(known.values())).card
        written.append(
            f"These {len(plans)} trainings in all, without runs and scores: "
            f"{estimated_hours(plans, card)}"
        )
    return written


def _estimate(ablation: Ablation, name: str) -> Estimate | None:
    about = training_of(name)
    options = ablation.choices.of("train", about.trainer)
    if about.conditioning:
        # Noise has the sizes of the features that it replaces, and is not written yet.
        source: Source = "tuned" if about.source == "random" else about.source
        kinds = kinds_of(about.conditioning)
        inputs = ablation.materials.of(source, ablation.train, True, kinds)
        options |= {"conditioning": about.conditioning, **inputs.options}
    return estimate(
        about.trainer,
        ablation.train,
        models=ablation.place.models,
        cache=ablation.place.cache,
        preset=ablation.options.preset,
        options=options,
        device=ablation.options.device,
    )
