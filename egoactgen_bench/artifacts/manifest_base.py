"""The base of all manifests, which are typed and have a format number, and how they are read."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import json_bytes, read_json, sha256_bytes, write_json

DEEPEST = 64  # levels of a manifest: the functions that compare and write it are recursive
FORMAT = 1  # of the manifests that this version writes; those of 0.1.0 have none, which means 0

Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class Record(BaseModel):
    """A part of a manifest; declared fields are validated, others are kept unchanged."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Manifest(Record):
    """The file that is written last to a folder: its contents and how they were made."""

    noun: ClassVar[str]  # what messages call the folder
    made_by: ClassVar[str]  # the command that creates it
    format: int = FORMAT
    checksum: str = (
        ""  # sha256 of the rest; manifests of 0.1.0 and of the standard splits have none
    )

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Convert the content of an older format to this one."""
        return content

    def save(self, path: Path) -> None:
        """Write the manifest atomically, with its checksum."""
        content = self.model_dump(mode="json", exclude_unset=False)
        write_json(path, content | {"checksum": checksum_of(content)})


ManifestT = TypeVar("ManifestT", bound=Manifest)


def is_unchanged(path: Path) -> bool:
    """Whether a manifest fits its checksum, if it has one.

    Only `bench verify` asks: a manifest that was edited by hand can be used like any other.
    """
    content = _read_object(path, "result")
    return not content.get("checksum") or content["checksum"] == checksum_of(content)


def checksum_of(content: Mapping[str, Any]) -> str:
    """The sha256 of a manifest's content without its checksum."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return sha256_bytes(json_bytes(rest))


def build(kind: type[ManifestT], content: Mapping[str, Any], *, partly: bool = False) -> ManifestT:
    """Build a manifest. Raises `BenchError` for a wrong type, such as from a plug-in.

    `partly` allows fields to be missing; the manifest is then not validated.
    """
    content = {**content, "format": FORMAT}
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        wrong = [each for each in error.errors() if not (partly and each["type"] == "missing")]
        if not wrong:
            return kind.model_construct(**content)
        raise BenchError(f"The manifest of this {kind.noun}: {_in_words(wrong[0])}.") from None


def read_manifest(path: Path, kind: type[ManifestT]) -> ManifestT:
    """Read a manifest. Raises `BenchError` if it is missing, malformed or of a newer format."""
    if not path.is_file():
        raise BenchError(
            f"{path.parent} contains no finished {kind.noun} (no {path.name}): "
            f"make one with `{kind.made_by}`."
        )
    content = kind.upgraded(_read_object(path, kind.noun))
    _check_format(path, content, kind.noun)
    try:
        return kind.model_validate(content | {"format": FORMAT})
    except ValidationError as error:
        raise BenchError(
            f"{path} is not the manifest of a {kind.noun}: {first_problem(error)}. Restore the "
            f"file, or make the {kind.noun} again with `{kind.made_by}`."
        ) from None


def read_versioned(path: Path, noun: str) -> dict[str, Any]:
    """The JSON object in a file. Raises `BenchError` for a `format` unknown to this version."""
    content = _read_object(path, noun)
    _check_format(path, content, noun)
    return content


def _read_object(path: Path, noun: str) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise BenchError(
            f"{path} is not the manifest of a {noun}: it contains a {type(content).__name__}, "
            "not a JSON object."
        )
    if problem := _problem_of_values(content):
        raise BenchError(f"{path} is not the manifest of a {noun}: it contains {problem}.")
    return content


def _problem_of_values(content: Any) -> str | None:
    """What of parsed JSON cannot be written again: NaN, infinity, and very deep nesting."""
    level = [content]
    for _ in range(DEEPEST):
        if any(isinstance(value, float) and not isfinite(value) for value in level):
            return "a number that is NaN or infinite"
        inner = [each.values() if isinstance(each, dict) else each for each in level
                 if isinstance(each, dict | list)]  # fmt: skip
        level = [value for values in inner for value in values]
        if not level:
            return None
    return f"more than {DEEPEST} nested levels"


def _check_format(path: Path, content: Mapping[str, Any], noun: str) -> None:
    found = content.get("format", 0)
    if type(found) is not int or found < 0:
        raise BenchError(
            f"{path} is not the manifest of a {noun}: its format is {found!r}, which is not a "
            "format number."
        )
    if found > FORMAT:
        raise BenchError(
            f"{path} has format {found}, and this version of egoactgen_bench reads formats up to "
            f"{FORMAT}: update egoactgen_bench, or make the {noun} again with this version."
        )


def first_problem(error: ValidationError) -> str:
    """The first problem as a phrase, such as `counts.kept is missing`."""
    return _in_words(error.errors(include_url=False)[0])


def _in_words(wrong: ErrorDetails) -> str:
    place = ".".join(map(str, wrong["loc"])) or "the file"
    if wrong["type"] == "missing":
        return f"{place} is missing"
    return f"{place}: {wrong['msg'][0].lower()}{wrong['msg'][1:]}"
