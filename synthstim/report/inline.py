"""Pages of one file: scripts inside, no request to any host, written whole, replacing nothing but an earlier page."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from pathlib import Path
from typing import Any

import jinja2

from synthstim.errors import InputError
from synthstim.files import require_replaceable, write_whole

HERE = Path(__file__).parent
# How every page's policy begins: in its head it is the mark of a page of ours.
_POLICY = "default-src 'none'; script-src "


def asset(name: str) -> str:
    """A style sheet or script of this folder."""
    return (HERE / name).read_text(encoding="utf-8")


def templates(*folders: Path) -> jinja2.Environment:
    """The templates of folders, earlier ones first: every text is escaped, and a name that is not given is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def plain(value: Any) -> Any:
    """The same value with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_script(source: str) -> str:
    """A script that may stand inline: nothing in it ends the element or opens a comment."""
    return source.replace("\r\n", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def as_label(words: object) -> str:
    """Words for plotly, which reads labels as HTML, and %{ as a variable."""
    return html.escape(str(words), quote=False).replace("%{", "%&#123;")


def policy(*scripts: str, linked: bool = False) -> str:
    """A page's content security policy: these scripts by their hashes, embedded images and sounds, no request to any host.

    Args:
        scripts: as they stand in the page.
        linked: whether images and sounds beside the page are shown too.
    """
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    beside = "'self' file: " if linked else ""
    return f"{_POLICY}{allowed}; style-src 'unsafe-inline'; img-src {beside}data: blob:; media-src {beside}data:; base-uri 'none'"


def require_page(path: str | Path, subject: str) -> Path:
    """Return the path of a page after checking that it is free, or holds an earlier page of this subject.

    Args:
        subject: the last words of the page's title, as in "stimulus set".

    Raises:
        InputError: something else is there, or the place cannot be written.
    """
    marks = (str(jinja2.filters.escape(_POLICY)), f" · {subject}</title>")
    return require_replaceable(path, lambda there: all(mark in _head(there) for mark in marks), "such a page")


def write_text(path: Path, text: str) -> Path:
    """Write a text file whole.

    Raises:
        InputError: it cannot be written.
    """
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})", "choose another place") from None
    return path


def _head(path: Path) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read(4096)
