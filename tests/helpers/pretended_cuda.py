"""A pretended CUDA device: code runs as on a GPU, and what would wait for one is recorded.

    with pretended_cuda() as transfers:
        network.to("cuda:0")(images.to("cuda:0"))
    transfers.counts()

A tensor on it computes on the CPU, but PyTorch sees another device: an operation on tensors of both
fails as on a GPU, and each transfer between them is recorded with the function of this repository
that caused it. PyTorch's own FakeTensorMode would do the former, but its tensors have no values, on
which generating loops depend, and no backward pass on a machine without a GPU (release 2.14).
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, Literal
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

GPU = torch.device("cuda:0")
# What C++ sees instead: a device that no library of GPUs is asked about, apart from the meta device
# on which networks are built before their weights are read.
IN_CPP = torch.device("meta:1")
ROOT = Path(__file__).parents[2]
OURS = tuple(str(ROOT / name) for name in ("egoactgen_bench", "baselines", "lego"))
# A test's own functions count as ours, so that it can plant a fault.
TESTS = str(ROOT / "tests" / "rehearsal")
LIBRARY = "site-packages"
TORCH = f"{LIBRARY}/torch/"

# Operations whose result is known on the host only after the GPU has finished.
READS = frozenset(
    [
        *("_local_scalar_dense", "item", "is_nonzero", "equal", "allclose", "nonzero", "argwhere"),
        *("masked_select", "bincount", "_unique", "_unique2", "unique_consecutive", "unique_dim"),
    ]
)
# On a GPU, indexing accepts indices on the CPU, and these a number that is.
TAKES_INDICES = frozenset(["index", "index_put", "_unsafe_index"])
TAKES_NUMBER = frozenset(["copy", "fill", "masked_fill", "where", "scalar_tensor", "index_put"])

Kind = Literal["read", "upload", "mixture"]


@dataclass(frozen=True)
class Place:
    """The function of this repository that was running, and that of the library it had called."""

    kind: Kind
    function: str
    library: str = ""

    def __str__(self) -> str:
        inside = f" (in {self.library})" if self.library else ""
        return f"{self.kind} by {self.function}{inside}"


@dataclass
class Transfers:
    """What was transferred between the pretended device and the CPU, in order.

    A read makes the host wait for the GPU. An upload copies to it, for which the host waits a
    little. A mixture is an operation on tensors of both, which fails.
    """

    found: list[tuple[Place, str]] = field(default_factory=list)

    def counts(self) -> Counter[Place]:
        return Counter(place for place, _ in self.found)

    def lines(self) -> dict[Place, str]:
        """A line of source code, with the operation, for each place."""
        return dict(self.found)

    def add(self, kind: Kind, operation: str) -> str:
        place, line = _place(kind)
        self.found.append((place, f"{line} ({operation})"))
        return line


_current = Transfers()


class PretendedTensor(Tensor):
    """A tensor on the pretended device; `inner` has its values, on the CPU."""

    inner: Tensor
    device = property(lambda _: GPU)  # type: ignore[assignment]
    is_cuda = property(lambda _: True)  # type: ignore[assignment]
    is_meta = is_cpu = property(lambda _: False)  # type: ignore[assignment]
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> "PretendedTensor":
        # A view of a tensor that was made outside of inference mode is not an inference tensor.
        with torch.inference_mode(inner.is_inference()):
            made: PretendedTensor = Tensor._make_wrapper_subclass(
                cls,
                inner.size(),
                strides=inner.stride(),
                storage_offset=inner.storage_offset(),
                dtype=inner.dtype,
                device=IN_CPP,
            )
        made.inner = inner
        return made

    def __repr__(self, **_: Any) -> str:
        return f"PretendedTensor({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _execute(func, args, kwargs or {})

    @property
    def data(self) -> "PretendedTensor":
        detached: PretendedTensor = self.detach()
        return detached

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, PretendedTensor) or _layout(value) != _layout(self):
            raise ValueError("data can only be replaced by pretended data of the same layout")
        self.inner = value.inner

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numpy()

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.inner.untyped_storage()

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def get_device(self) -> int:
        return 0

    def is_pinned(self, *_: Any) -> bool:
        return False

    def new_tensor(self, data: Any, **options: Any) -> Tensor:
        return torch.tensor(data, **{"dtype": self.dtype, "device": GPU, **options})


def _layout(tensor: Tensor) -> Any:
    return tensor.shape, tensor.stride(), tensor.dtype


class _PretendedMode(TorchDispatchMode):
    """Sees the operations that have no tensor on the device yet: uploads and new tensors."""

    # With a mode under this key, PyTorch does not initialise CUDA.
    _mode_key = torch._C._TorchDispatchModeKey.FAKE

    def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _execute(func, args, kwargs or {})

    @classmethod
    def is_infra_mode(cls) -> bool:
        return True


def _execute(func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    leaves, structure = pytree.tree_flatten((args, dict(kwargs)))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    ours = [tensor for tensor in tensors if isinstance(tensor, PretendedTensor)]
    asked = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
    name = func.overloadpacket.__name__.removesuffix("_")
    elsewhere = asked is not None and asked.type == "meta" and asked != IN_CPP
    if (asked is None and not ours) or elsewhere:
        return func(*args, **kwargs)
    if name == "_has_compatible_shallow_copy_type":
        return False  # a module's parameters are replaced, not given other data
    to_device = bool(ours) if asked is None else asked.type == "cuda" or asked == IN_CPP
    if ours:
        _check(func, name, tensors)
    if ours and _reads(func, name, tensors):
        _current.add("read", name)
    if name == "copy":
        to_device = isinstance(args[0], PretendedTensor)
    moves = tensors and (asked is not None or name == "copy")
    if moves and to_device != isinstance(tensors[-1], PretendedTensor):
        _current.add("upload" if to_device else "read", name)
    inner = [_inner(leaf) for leaf in leaves]
    plain_args, plain_kwargs = pytree.tree_unflatten(inner, structure)
    plain_kwargs.pop("pin_memory", None)
    result = func(*plain_args, **plain_kwargs)
    if not to_device:
        return result
    known = {id(tensor.inner): tensor for tensor in ours}
    return pytree.tree_map_only(
        Tensor, lambda each: known[id(each)] if id(each) in known else PretendedTensor(each), result
    )


def _inner(leaf: Any) -> Any:
    if isinstance(leaf, PretendedTensor):
        return leaf.inner
    return torch.device("cpu") if isinstance(leaf, torch.device) else leaf


def _check(func: Any, name: str, tensors: list[Tensor]) -> None:
    """Raise the error of PyTorch for tensors of both devices, except where it accepts them."""
    others = [tensor for tensor in tensors if not isinstance(tensor, PretendedTensor)]
    if not others or name == "copy":
        return
    if name in TAKES_INDICES and isinstance(tensors[0], PretendedTensor):
        indices = [each for each in others if each.dtype in (torch.bool, torch.long, torch.int)]
        for _ in indices:
            _current.add("upload", name)
        others = [each for each in others if each.dtype not in (torch.bool, torch.long, torch.int)]
    elementwise = name in TAKES_NUMBER or any(
        torch.Tag.pointwise in getattr(func.overloadpacket, overload).tags
        for overload in func.overloadpacket.overloads()
    )
    if any(each.ndim or not elementwise for each in others):
        line = _current.add("mixture", name)
        shapes = ", ".join(str(tuple(each.shape)) for each in others)
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"cuda:0 and cpu! ({name}, on the CPU: {shapes}, {line})"
        )


def _reads(func: Any, name: str, tensors: list[Tensor]) -> bool:
    if name in READS:
        return True
    if name == "repeat_interleave":
        return len(tensors) > 1 or func._overloadname == "Tensor"
    # A mask is first turned into as many indices as it has true values.
    return name in TAKES_INDICES and any(each.dtype == torch.bool for each in tensors[1:])


def _place(kind: Kind) -> tuple[Place, str]:
    """The innermost function of this repository and of other libraries than PyTorch; its line."""
    frame: FrameType | None = sys._getframe(1)
    library = ""
    while frame is not None:
        file = frame.f_code.co_filename
        if file != __file__ and file.startswith((*OURS, TESTS)):
            line = f"{Path(file).relative_to(ROOT)}:{frame.f_lineno}"
            return Place(kind, _name(frame), library), line
        if not library and LIBRARY in file and TORCH not in file:
            library = _name(frame)
        frame = frame.f_back
    return Place(kind, "a test", library), "?"


def _name(frame: FrameType) -> str:
    function = frame.f_code.co_qualname.replace(".<locals>", "")
    return f"{frame.f_globals.get('__name__')}.{function}"


class _PretendedCalls(TorchFunctionMode):
    """Sees what C++ would do out of our sight.

    It reads numbers for `torch.tensor`, and asks CUDA for the current device of "cuda".
    """

    def __torch_function__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.tensor and args and isinstance(args[0], list | tuple):
            numbers = pytree.tree_map_only(PretendedTensor, lambda each: each.item(), args[0])
            args = (numbers, *args[1:])
        named = {key: _indexed(value) for key, value in (kwargs or {}).items()}
        return func(*map(_indexed, args), **named)


def _indexed(argument: Any) -> Any:
    if isinstance(argument, str | torch.device) and str(argument) == "cuda":
        return GPU
    return argument


# What product and libraries ask of PyTorch about GPUs; the capability is an A100's.
_STREAM = SimpleNamespace(is_capturing=lambda: False)
_FACTS = SimpleNamespace(name="pretended", total_memory=80 << 30, major=8, minor=0)
_ANSWERS: dict[Any, dict[str, Any]] = {
    torch.accelerator: {"current_device_index": 0, "current_stream": _STREAM},
    torch.cuda: {
        "is_available": True,
        "is_initialized": True,
        "device_count": 1,
        "current_device": 0,
        "is_bf16_supported": True,
        "is_current_stream_capturing": False,
        "get_device_name": _FACTS.name,
        "get_device_properties": _FACTS,
        "get_device_capability": (_FACTS.major, _FACTS.minor),
        "get_rng_state": torch.zeros(16, dtype=torch.uint8),
        "mem_get_info": (_FACTS.total_memory,) * 2,
        "max_memory_allocated": 0,
        "memory_allocated": 0,
        "set_device": None,
        "set_rng_state": None,
        "empty_cache": None,
        "synchronize": None,
        "manual_seed": None,
        "manual_seed_all": None,
    },
}


@contextmanager
def pretended_cuda() -> Iterator[Transfers]:
    """Pretend one CUDA device in this thread; returns what is transferred, as it happens.

    Autocast has no effect on it, and TorchScript cannot be executed on it.
    """
    global _current
    before, _current = _current, Transfers()
    lifts_only = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        with ExitStack() as stack:
            for module, answers in _ANSWERS.items():
                for name, answer in answers.items():
                    answering = mock.patch.object(module, name, lambda *_, a=answer, **__: a)
                    stack.enter_context(answering)
            # In worker threads, too.
            unpinned = mock.patch.object(Tensor, "pin_memory", lambda tensor, *_: tensor)
            stack.enter_context(unpinned)
            stack.enter_context(_PretendedMode())
            stack.enter_context(_PretendedCalls())
            yield _current
    finally:
        torch._C._set_only_lift_cpu_tensors(lifts_only)
        _current = before
