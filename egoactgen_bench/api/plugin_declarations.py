"""Checks of a plug-in's class: its attributes, its options, and that its base class is set up.

The expected types are the annotations of the base classes in this package.
"""

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from egoactgen_bench.api.options import Options
from egoactgen_bench.api.plugin_calls import (
    API,
    NOUNS,
    adapter,
    bases_of,
    called,
    described,
    message,
    reporting,
    type_text,
    where,
)
from egoactgen_bench.errors import BenchError

T = TypeVar("T")


def require_subclass(plugin: Any, base: type[Any], name: str) -> Any:
    """Return the plug-in `name`, checked before anything is built or written.

    Raises `BenchError` if it is not a class derived from `base`, lacks an attribute that `base`
    declares without a default or a method that it declares abstract, or has an attribute of another
    type than `base` declares.
    """
    if not (isinstance(plugin, type) and issubclass(plugin, base)):
        wanted = f"egoactgen_bench.api.{base.__name__}"
        raise BenchError(f"'{name}' is not a class derived from {wanted}.")
    missing = [attribute for attribute in base.__annotations__ if not hasattr(plugin, attribute)]
    missing += sorted(getattr(plugin, "__abstractmethods__", ()))
    if missing:
        raise BenchError(f"The class '{name}' does not define {', '.join(missing)}.")
    check_declarations(plugin, base)
    return plugin


def build_plugin(plugin: type[T], *arguments: Any) -> T:
    """Build a plug-in. Raises `BenchError` if that fails or leaves its base class not set up."""
    with reporting(plugin, "__init__"):
        built = plugin(*arguments)
    for base in bases_of(plugin):
        if base.__name__ in NOUNS:
            names = list(inspect.signature(base.__init__).parameters)[1:]
            if not all(hasattr(built, name) for name in names):
                raise BenchError(
                    f"{called(plugin)}.__init__ must call super().__init__({', '.join(names)})."
                )
            check_declarations(built, base)
    return built


def check_declarations(plugin: Any, base: Any) -> None:
    """Check the attributes that `base` annotates; a list for a tuple is replaced by the tuple.

    Raises `BenchError` for a value of another type, of a class or of an instance.
    """
    for name, annotation in _declarations(base).items():
        value = inspect.getattr_static(plugin, name, None)
        if name not in _own_names(plugin, base):
            continue
        if name == "Options":
            _check_options(plugin, value)
            continue
        if hasattr(type(value), "__get__"):  # a property, whose value depends on the instance
            continue
        try:
            converted = adapter(annotation).validate_python(value)
        except ValidationError as error:
            raise _wrong_attribute(plugin, name, value, annotation, error) from None
        if isinstance(value, list | set | tuple | frozenset):
            if type(converted) is not type(value):
                setattr(plugin, name, converted)
        elif not isinstance(value, Mapping) and converted != value:  # "100" for 100
            raise _wrong_attribute(plugin, name, value, annotation)


def defaults_of(plugin: type[Any], options: type[Options]) -> Any:
    """The options with their defaults. Raises `BenchError` if one has none."""
    for name, field in options.model_fields.items():
        if field.is_required():
            raise BenchError(f"{called(plugin)}: option {name} needs a default value.")
    with reporting(plugin, "Options"):
        return options()


def _check_options(plugin: Any, options: Any) -> None:
    who = called(plugin)
    if not (isinstance(options, type) and issubclass(options, Options)):
        raise BenchError(
            f"{who}.Options is {described(options)}; it must be a class derived from {API}Options."
        )
    with reporting(plugin, "Options"):
        defaults = {
            name: field.get_default(call_default_factory=True)
            for name, field in options.model_fields.items()
            if not field.is_required()
        }
    try:
        options.model_validate(defaults)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            if each["loc"] and each["loc"][0] in defaults:
                raise BenchError(
                    f"{who}: the default of option {each['loc'][0]}, {described(each['input'])}, "
                    f"is invalid: {message(each['msg'])}."
                ) from None
    for name, value in defaults.items():
        try:
            to_jsonable_python(value)
        except PydanticSerializationError:
            raise BenchError(
                f"{who}: the default of option {name} is {described(value)}, which cannot be "
                "recorded: use numbers, texts, or lists of them."
            ) from None


def _wrong_attribute(
    plugin: Any, name: str, value: Any, annotation: Any, error: ValidationError | None = None
) -> BenchError:
    detail = where(error) if error else ""
    wanted = f"{type_text(annotation)}{detail}"
    return BenchError(f"{called(plugin)}.{name} is {described(value)}; it must be {wanted}.")


def _own_names(plugin: Any, base: type[Any]) -> set[str]:
    """Attributes that a class, or an instance itself, sets after the base class."""
    if not isinstance(plugin, type):
        return set(vars(plugin))
    return {name for cls in plugin.__mro__ if cls is not base for name in vars(cls)}


@cache
def _declarations(base: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(base, include_extras=True)
    return {
        name: get_args(hint)[0] if get_origin(hint) is ClassVar else hint
        for name, hint in hints.items()
    }
