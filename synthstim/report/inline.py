"""Pages of one file: scripts inside, no request to any host, written at once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import math
import os
import secrets
from pathlib import Path
from typing import Any

import jinja2

from synthstim.errors import InputError

HERE = Path(__file__).parent


def asset(name: str) -> str:
    """A style sheet or script of this folder."""
    return (HERE / name).read_text(encoding="utf-8")


def templates(folder: Path) -> jinja2.Environment:
    """The templates of a folder: every text is escaped, and a name that is not given is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
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


def policy(*scripts: str) -> str:
    """A page's content security policy: these scripts by their hashes, embedded images and sounds, no request to any host."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; media-src data:; "
        "base-uri 'none'"
    )


def write_at_once(path: Path, text: str) -> Path:
    """Write a file beside its place and move it there: nobody sees half of it, and a link there is replaced.

    Raises:
        InputError: it cannot be written.
    """
    hidden = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(hidden, "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        hidden.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            hidden.unlink()
        raise InputError(f"{path} cannot be written ({error.strerror}): choose another place") from None
    return path
