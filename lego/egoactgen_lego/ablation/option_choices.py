"""Options for many calls at once: `train.iterations=100`, `run.sdedit.strength=0.5`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from egoactgen_bench.api import options, plugins
from egoactgen_bench.errors import BenchError, did_you_mean

KINDS = {"train": "trainers", "run": "methods"}
SET_BY_ROWS = {"conditioning", "features", "vllm", "weights"}


@dataclass(frozen=True)
class Choices:
    """The values of `-o`: for all plug-ins that have the option, or for one by its name."""

    given: Mapping[str, str] = field(default_factory=dict)

    def of(self, stage: str, plugin: str) -> dict[str, Any]:
        """The options for a plug-in; those given for it alone override those for all."""
        known = plugins.find(KINDS[stage], plugin).Options.model_fields
        everyone, own = f"{stage}.", f"{stage}.{plugin}."
        chosen = {key: self.given[everyone + key] for key in known if everyone + key in self.given}
        return chosen | {
            key.removeprefix(own): value for key, value in self.given.items() if key.startswith(own)
        }

    def check(self, used: Mapping[str, Iterable[str]]) -> None:
        """Raise `BenchError` for a bad value, and for an option that no plug-in in `used` has."""
        for key in self.given:
            stage, _, rest = key.partition(".")
            if stage not in KINDS or not rest:
                raise BenchError(
                    f"-o {key}: begin it with train. or run. (or train.TRAINER., run.METHOD.) "
                    "to state whose option it is."
                )
            plugin, dot, name = rest.rpartition(".")
            asked = [plugin] if dot else sorted(used[stage])
            known = {
                field
                for each in asked
                for field in plugins.find(KINDS[stage], each).Options.model_fields
            }
            if name in SET_BY_ROWS:
                raise BenchError(f"-o {key}: the rows of the ablation set '{name}' themselves.")
            if name not in known:
                raise BenchError(
                    f"-o {key}: {' and '.join(asked) or 'no plug-in here'} has no option '{name}'."
                    + did_you_mean(name, known)
                )
        for stage, kind in KINDS.items():
            for plugin in sorted(used[stage]):
                found = plugins.find(kind, plugin).Options
                options.resolve(found, self.of(stage, plugin), f"{stage} {plugin}")
