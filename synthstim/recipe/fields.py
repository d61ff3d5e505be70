"""The values that recipes share: names, layers, files, and the base of every section."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from synthstim.ids import RESERVED
from synthstim.recipe.expected import Expected, expand_options
from synthstim.recipe.problems import problem, raise_problems

Whole = TypeVar("Whole", bound="Section")


class Section(BaseModel):
    """A part of a recipe: it never changes, refuses unknown keys, and takes no text for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _check_name(name: str) -> str:
    if name.lower() in RESERVED:
        raise problem(f"is {name!r}, a device name on Windows: choose another")
    return name


def check_whole(value: Any) -> Any:
    """Refuse true and 1.0 where 1 is wanted: to Python, and to Literal, they are equal."""
    if isinstance(value, (bool, float)):
        raise ValueError
    return value


def in_a_list(value: Any) -> Any:
    """Let one name stand for a list of one."""
    return (value,) if isinstance(value, (str, os.PathLike)) or hasattr(value, "shape") else value


def check_different(values: Sequence[Any]) -> Any:
    """Refuse a value that a list gives twice, at the place of the second."""
    raise_problems(
        ((index,), f"repeats {_plain(value)}: remove one")
        for index, value in enumerate(values)
        if value in values[:index]
    )
    return values


def _plain(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else repr(value)


def _as_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def missing_file(text: str, folder: Path, *, or_folder: bool = False) -> str | None:
    """Say why a path of a recipe in a folder cannot be used, or return None when it can."""
    if climbs_out(text):
        return "climbs out of the recipe's folder with '..': move the file beside the recipe, or write its whole path"
    path = folder / text
    wanted = "a file or a folder" if or_folder else "a file"
    try:
        if path.is_file() or (or_folder and path.is_dir()):
            return None
        if path.is_dir():
            return f"is a folder; expected {wanted}"
        if path.exists():
            return f"is neither a file nor a folder; expected {wanted}"
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError):
        return f"cannot be opened; expected the path of {wanted}"
    if "\\" in text:
        return "does not exist: write / between folders"
    near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.6)
    if near:
        return f"does not exist: did you mean {str(PurePosixPath(text).with_name(near[0]))!r}?"
    return "does not exist: paths start at the recipe's folder"


def climbs_out(text: str) -> bool:
    """Whether a relative path leaves the folder that it starts in."""
    depth = 0
    for part in re.split(r"[/\\]", text) if not Path(text).is_absolute() else ():
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            return True
    return False


def check_file(text: str, info: ValidationInfo, *, or_folder: bool = False) -> str:
    """Refuse a path that cannot be used; without a folder in the context, the path is taken as it is."""
    folder = (info.context or {}).get("folder")
    reason = missing_file(text, folder, or_folder=or_folder) if folder is not None else None
    if reason:
        raise problem(f"names {text if len(text) <= 100 else text[:97] + '...'!r}, which {reason}")
    return text


def _check_file_or_folder(text: str, info: ValidationInfo) -> str:
    return check_file(text, info, or_folder=True)


def files_of(section: Section) -> Iterator[str]:
    """The paths that a section of a recipe names, also in sections of its own."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from files_of(value)
        elif isinstance(value, str) and _is_file(section, name):
            yield value


def with_whole_paths(section: Whole, folder: Path) -> Whole:
    """The same with whole paths, of files that it and sections of its own name relative to a folder."""
    changed: dict[str, Any] = {}
    for name in section.model_fields_set:
        value = getattr(section, name)
        if isinstance(value, Section):
            changed[name] = with_whole_paths(value, folder)
        elif isinstance(value, str) and _is_file(section, name):
            changed[name] = str((folder / value).resolve())
    return section.model_copy(update=changed)


def _is_file(section: Section, name: str) -> bool:
    field = type(section).model_fields[name]
    options = expand_options(field.annotation, field.metadata)
    return any(getattr(item, "func", None) is check_file for option in options for item in option.metadata)


Text = Annotated[str, Field(min_length=1)]
Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"),
    AfterValidator(_check_name),
    Expected("a letter, then letters, digits, _ or -, 40 at most"),
]
LayerName = Annotated[str, Field(pattern=r"^[^\s+]+$"), Expected("the name of a layer")]
PathText = Annotated[str, Field(min_length=1), BeforeValidator(_as_text)]
FilePath = Annotated[PathText, AfterValidator(check_file), Expected("the path of a file")]
FileOrFolderPath = Annotated[
    PathText, AfterValidator(_check_file_or_folder), Expected("the path of a file or a folder")
]
# What a unit may be asked for: far beyond what networks put out, and far from where single precision ends.
Activation = Annotated[float, Field(ge=-1_000_000_000, le=1_000_000_000)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Index = Annotated[int, Field(ge=0)]
Indices = Annotated[
    tuple[Index, ...],
    Field(min_length=1, strict=False),
    AfterValidator(check_different),
    Expected("a list of one whole number or more"),
]
