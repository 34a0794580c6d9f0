"""The transfers between a GPU and the CPU that inner loops are allowed, each with its reason.

`read`: the host waits until the GPU has finished. `upload`: a copy to the GPU, queued behind what
it is doing. An entry is (kind, function of this repository, beginning of the name of the library's
function that it had called: "" for PyTorch).
"""

from collections.abc import Mapping

from pretended_cuda import Place

Known = Mapping[tuple[str, str, str], str]

IN_LOOPS: dict[tuple[str, str, str], str] = {}


def listed(place: Place, known: Known | None = None) -> bool:
    return any(
        (kind, function) == (place.kind, place.function)
        and (place.library.startswith(library) if library else not place.library)
        for kind, function, library in (IN_LOOPS if known is None else known)
    )
