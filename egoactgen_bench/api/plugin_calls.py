"""Calls of plug-ins whose mistakes are reported as theirs: the class, the method, the line.

The expected types are the return annotations of the base classes in this package, so that nothing
is declared twice.
"""

import errno
import inspect
import re
import sysconfig
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from egoactgen_bench.api.plugins import registered_name
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.process_groups import LOST, is_lost_connection

NOUNS = {
    "Dataset": "Data set",
    "Method": "Method",
    "Metric": "Metric",
    "Trainer": "Trainer",
    "Extractor": "Extractor",
}
API = "egoactgen_bench.api."
OURS = "egoactgen_"
# Errors of the system that no change of a plug-in would prevent.
FULL = (errno.ENOSPC, errno.EDQUOT)


def called(plugin: Any) -> str:
    """`Metric psnr`, `Method mine:Mine`: a plug-in, or its class, in messages."""
    found = class_of(plugin)
    noun = next(
        (NOUNS[base.__name__] for base in bases_of(found) if base.__name__ in NOUNS), "Class"
    )
    name = getattr(plugin, "name", None) if noun in ("Metric", "Data set") else None
    if not isinstance(name, str) or not name:
        name = registered_name(found)
    return f"{noun} {name}"


def described(value: Any) -> str:
    """`a list of 3`, `an array (4, 2) of float64`: a value in messages."""
    from PIL import Image

    if isinstance(value, Image.Image):
        return f"a {value.mode} image of {value.width} × {value.height}"
    kind = type(value).__name__
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        noun = "an array" if kind == "ndarray" else f"a {kind}"
        return f"{noun} {tuple(value.shape)} of {value.dtype}"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value) if len(repr(value)) <= 60 else f"a text of {len(str(value))} characters"
    if isinstance(value, type):
        return f"the class {kind if value is type(value) else value.__name__}"
    if isinstance(value, Collection) and not isinstance(value, bytes):
        return f"a {kind} of {len(value)}"
    return f"a value of type {kind}"


def cause(error: BaseException, plugin: Any) -> str:
    """An error and its place in a plug-in: `KeyError: 'end' (mine.py, line 7)`.

    The place is the innermost call in the package that defines the plug-in's class, or for a class
    of this toolkit outside of all packages.
    """
    # The first line of a ValidationError does not say what is wrong.
    lines = str(error).splitlines() if isinstance(error, ValidationError) else [str(error)]
    text = f"{type(error).__name__}: {' '.join(lines)}".partition("\n")[0][:300]
    place = _place(error.__traceback__, class_of(plugin).__module__.partition(".")[0])
    return f"{text} ({place})" if place else text


@contextmanager
def reporting(plugin: Any, method: str, *, samples: bool = False) -> Iterator[None]:
    """Turn an exception of a plug-in's method into a `BenchError` that names both and the line.

    With `samples`, a `SampleError` is left to the caller.
    """
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        if samples and isinstance(error, SampleError):
            raise
        if is_lost_connection(error):
            raise BenchError(LOST) from error
        raise BenchError(f"{called(plugin)}.{method} failed ({cause(error, plugin)}).") from error


def call(plugin: Any, method: str, *arguments: Any, samples: bool = False) -> Any:
    """Call a plug-in's method. Raises `BenchError` if it fails or returns another type.

    The type is the return annotation of the base class. With `samples`, a `SampleError` is left to
    the caller.
    """
    with reporting(plugin, method, samples=samples):
        value = getattr(plugin, method)(*arguments)
    return returned(plugin, method, value)


def read(plugin: Any, name: str) -> Any:
    """A property of a plug-in. Raises `BenchError` if it fails or has another type."""
    with reporting(plugin, name):
        value = getattr(plugin, name)
    return returned(plugin, name, value)


def returned(plugin: Any, method: str, value: Any) -> Any:
    """The result of a plug-in's method, converted to the return annotation of the base class."""
    defined_by: Any = class_of(plugin)
    annotation = _return_annotation(defined_by, method)
    if annotation in (None, type(None), Any):
        return value
    try:
        return adapter(annotation).validate_python(value)
    except ValidationError as error:
        raise wrong_result(plugin, method, value, type_text(annotation), where(error)) from None


def wrong_result(plugin: Any, method: str, value: Any, wanted: str, detail: str = "") -> BenchError:
    """The error for a result that is not `wanted`."""
    return BenchError(
        f"{called(plugin)}.{method} returned {described(value)}; it must return {wanted}{detail}."
    )


def checked_array(plugin: Any, method: str, value: Any, shape: tuple[int | str, ...]) -> Any:
    """A result that must be a real NumPy array of a shape; texts in `shape` stand for any size."""
    import numpy as np

    if not (
        isinstance(value, np.ndarray)
        and value.dtype.kind in "fiub"
        and value.ndim == len(shape)
        and all(
            size > 0 if isinstance(wanted, str) else size == wanted
            for size, wanted in zip(value.shape, shape, strict=True)
        )
    ):
        sizes = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        raise wrong_result(plugin, method, value, f"a NumPy array of numbers of shape ({sizes})")
    return value


def checked_record(plugin: Any, method: str, value: Any, kinds: tuple[type[Any], ...]) -> Any:
    """A record that must be of one of `kinds`, with its fields converted to their types."""
    kind: Any = next((kind for kind in kinds if isinstance(value, kind)), None)
    names = " or ".join(kind.__name__ for kind in kinds)
    if kind is None:
        raise wrong_result(plugin, method, value, names)
    try:
        return adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise BenchError(
            f"{called(plugin)}.{method} gave {_article(kind.__name__)} whose {field} is "
            f"{described(first['input'])}: {message(first['msg'])}."
        ) from None


def plain_json(plugin: Any, method: str, value: Any) -> Any:
    """A result as JSON's types; NumPy's scalars and arrays become numbers and lists."""
    try:
        return to_jsonable_python(value, fallback=_without_numpy)
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise BenchError(
            f"{called(plugin)}.{method} returned values that cannot be written as JSON ({error})."
        ) from None


def bases_of(plugin: type[Any]) -> list[type[Any]]:
    """The base classes of this package, the most basic one first."""
    return [base for base in reversed(plugin.__mro__) if f"{base.__module__}.".startswith(API)]


def class_of(plugin: Any) -> type[Any]:
    return plugin if isinstance(plugin, type) else type(plugin)


@cache
def adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except Exception:  # noqa: BLE001  a type with a configuration of its own
        return TypeAdapter(annotation)


def type_text(annotation: Any) -> str:
    """`list[Path]`, without the names of modules and further constraints."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    text = inspect.formatannotation(annotation)
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+", "", text)


def where(error: ValidationError) -> str:
    """` (0: input should be a valid string)`, unless the message only repeats the type."""
    first = error.errors(include_url=False)[0]
    if not first["loc"] and first["type"].endswith(("_type", "_parsing", "is_instance_of")):
        return ""
    place = "".join(f"{part}: " for part in first["loc"][:1])
    return f" ({place}{message(first['msg'])})"


def message(text: str) -> str:
    text = text.removeprefix("Value error, ").rstrip(".")
    return text[:1].lower() + text[1:]


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIO' else 'a'} {noun}"


@cache
def _return_annotation(plugin: Any, method: str) -> Any:
    """The annotation in the most basic class that declares the method or property."""
    for base in bases_of(plugin):
        found = vars(base).get(method)
        function = getattr(found, "fget", None) or getattr(found, "__func__", found)
        if function is not None:
            return get_type_hints(function, include_extras=True).get("return", Any)
    return Any


def _without_numpy(value: Any) -> Any:
    if type(value).__module__ == "numpy":
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__}")


def _place(traceback: TracebackType | None, package: str) -> str:
    found = ""
    libraries = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
    while traceback is not None:
        frame = traceback.tb_frame
        file = frame.f_code.co_filename
        module = str(frame.f_globals.get("__name__")).partition(".")[0]
        # A class of ours may call another plug-in, as the variants of `bench doctor` do.
        outside = not module.startswith(OURS) and not file.startswith((*libraries, "<"))
        if module == package or (package.startswith(OURS) and outside):
            found = f"{Path(file).name}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found
