"""Options for many calls at once: `train.iterations=100`, `run.sdedit.strength=0.5`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from egoactgen_bench.api import options, plugins
from egoactgen_bench.errors import BenchError, did_you_mean

KINDS = {"train": "trainers", "run": "methods"}
DECIDED = {"conditioning", "features", "vllm", "weights"}  # by the rows themselves


@dataclass(frozen=True)
class Choices:
    """What was given as `-o`: for all that know the option, or for one plug-in by its name."""

    given: Mapping[str, str] = field(default_factory=dict)

    def of(self, stage: str, plugin: str) -> dict[str, Any]:
        """The options that a plug-in's call takes: its own go before those of all."""
        known = plugins.find(KINDS[stage], plugin).Options.model_fields
        everyone, own = f"{stage}.", f"{stage}.{plugin}."
        chosen = {key: self.given[everyone + key] for key in known if everyone + key in self.given}
        return chosen | {
            key.removeprefix(own): value for key, value in self.given.items() if key.startswith(own)
        }

    def check(self, used: Mapping[str, Iterable[str]]) -> None:
        """Refuse an option that none of the plug-ins `used` by a stage knows, and a wrong value."""
        for key in self.given:
            stage, _, rest = key.partition(".")
            if stage not in KINDS or not rest:
                raise BenchError(
                    f"-o {key}: begin it with train. or run. (or train.TRAINER., run.METHOD.), "
                    "to say whose option it is."
                )
            plugin, dot, name = rest.rpartition(".")
            asked = [plugin] if dot else sorted(used[stage])
            known = {
                field
                for each in asked
                for field in plugins.find(KINDS[stage], each).Options.model_fields
            }
            if name in DECIDED:
                raise BenchError(f"-o {key}: the rows decide '{name}' themselves.")
            if name not in known:
                raise BenchError(
                    f"-o {key}: {' and '.join(asked) or 'nothing here'} has no option '{name}'."
                    + did_you_mean(name, known)
                )
        for stage, kind in KINDS.items():
            for plugin in sorted(used[stage]):
                found = plugins.find(kind, plugin).Options
                options.resolve(found, self.of(stage, plugin), f"{stage} {plugin}")
