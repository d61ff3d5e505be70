"""jsPsych from the npm registry: one version, its checksum pinned, kept in the user's cache for when there is no network."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from platformdirs import user_cache_path

from synthstim.errors import InputError
from synthstim.files import write_whole

VERSION = "8.3.0"
_SHA512 = "UrwSVG14v8oRX6WFQ1L6uuGT0G7KgRDSH48iKIVIQI+yMRGAlvg+tEUNFKe/1xZxgk3kZiZ5xP0AnpPqPj1zkg=="
# Where npm itself looks, unless it is told otherwise.
REGISTRY = "npm_config_registry"
_FILES = {
    "package/dist/index.browser.min.js": "jspsych.js",
    "package/css/jspsych.css": "jspsych.css",
    "package/package.json": "package.json",
}
_LONGEST_S, _MOST_BYTES = 60, 20_000_000


def jspsych_files() -> dict[str, bytes]:
    """The script, the style and the package's own description of jsPsych, by name.

    Raises:
        InputError: it is not in the cache and cannot be had, or what came is not the pinned version.
    """
    tarball = user_cache_path("synthstim") / "npm" / f"jspsych-{VERSION}.tgz"
    content = tarball.read_bytes() if tarball.is_file() else b""
    if _digest(content) != _SHA512:
        content = _fetched()
        tarball.parent.mkdir(parents=True, exist_ok=True)
        write_whole(tarball, content)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        found = {short: archive.extractfile(name) for name, short in _FILES.items()}
        return {short: stream.read() for short, stream in found.items() if stream is not None}


def _fetched() -> bytes:
    registry = os.environ.get(REGISTRY, "https://registry.npmjs.org/").rstrip("/")
    address = f"{registry}/jspsych/-/jspsych-{VERSION}.tgz"
    try:
        if not address.startswith(("https://", "http://")):
            raise ValueError(f"{REGISTRY} is no address")
        with urllib.request.urlopen(address, timeout=_LONGEST_S) as stream:
            content: bytes = stream.read(_MOST_BYTES)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise InputError(
            f"jsPsych {VERSION} cannot be fetched from {registry} ({error})",
            f"connect this computer once, or set {REGISTRY} to a registry that it reaches",
            code="unreadable",
        ) from None
    if _digest(content) != _SHA512:
        raise InputError(
            f"what {registry} gave is not jsPsych {VERSION}: its checksum differs",
            "try another registry",
            code="mismatch",
        )
    return content


def _digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha512(content).digest()).decode("ascii")


def cached(folder: Path) -> bool:
    """Whether jsPsych lies in a cache folder already."""
    return (folder / "npm" / f"jspsych-{VERSION}.tgz").is_file()
