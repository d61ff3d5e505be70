"""What options of the command line hold: windows, sizes, names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthstim.errors import InputError


def read_window(text: str | None) -> tuple[float, float] | None:
    """``0.07,0.17`` as (start, end) in seconds."""
    if text is None:
        return None
    from synthstim.responses.seconds import require_window

    wanted = f"--window {text} given; expected the start and the end in seconds, such as 0.07,0.17"
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(wanted) from None
    return require_window(edges, wanted)


def read_size(text: str | None) -> tuple[int, int] | None:
    """``112`` or ``112x96`` as (height, width)."""
    if text is None:
        return None
    sides = text.lower().split("x")
    if not 1 <= len(sides) <= 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise InputError(f"--size {text} given; expected pixels such as 112, or height x width such as 112x96")
    return int(sides[0]), int(sides[-1])


def read_names(text: str | None) -> list[str] | None:
    """``a,b``, or the lines of a file of that name."""
    if text is None:
        return None
    return (
        read_lines(Path(text)) if Path(text).is_file() else [name.strip() for name in text.split(",") if name.strip()]
    )


def read_lines(path: Path | None) -> list[str] | None:
    """The lines of a file that are not empty."""
    if path is None:
        return None
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as names, one a line ({error})", code="unreadable") from None


def read_settings_of(pairs: list[str] | None, option: str = "--set") -> dict[str, Any]:
    """``KEY=VALUE`` of each time that an option is given, its value read as YAML."""
    import yaml

    out: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InputError(f"{option} {pair!r} given; expected KEY=VALUE, such as on_ms=100")
        if key in out:
            raise InputError(f"{option} {key} given twice", "give it one value")
        try:
            out[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            out[key] = value
    return out
