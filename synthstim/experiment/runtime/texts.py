"""The words to the participant: texts.yaml of the experiment's folder, which anybody may edit, in any language."""

from __future__ import annotations

from pathlib import Path

from .stop import stopped

FILE = "texts.yaml"


def read_texts(directory: Path) -> dict[str, str]:
    """The texts by name.

    Raises:
        SystemExit: the file is missing, or is no mapping of names to texts.
    """
    import yaml

    try:
        content = yaml.safe_load((directory / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise stopped(f"{FILE} cannot be read ({' '.join(str(error).split())}): correct it or export again") from None
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise stopped(f"{FILE} is not a list of names and texts: correct it or export again")

    class Texts(dict[str, str]):
        """Texts, which say so where one is missing."""

        def __missing__(self, name: str) -> str:
            raise stopped(f"{FILE} lacks the text {name!r}: put it back or export again")

    return Texts(content)
