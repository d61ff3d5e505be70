"""What pages need from the npm registry: each one version, its checksum pinned, kept in the user's cache for when there is no network."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from platformdirs import user_cache_path

from synthstim.errors import InputError
from synthstim.files import write_whole

# Where npm itself looks, unless it is told otherwise.
REGISTRY = "npm_config_registry"
_LONGEST_S, _MOST_BYTES = 60, 20_000_000


@dataclass(frozen=True)
class NpmPackage:
    """One version of a package.

    Attributes:
        name, version: as the registry has them.
        sha512: of the archive, in base 64, as the registry says it.
        members: what is taken from the archive, and what it is called in the page.
    """

    name: str
    version: str
    sha512: str
    members: Mapping[str, str]

    def files(self) -> dict[str, bytes]:
        """The members by the names that they have in the page.

        Raises:
            InputError: it is not in the cache and cannot be had, or what came is not the pinned version.
        """
        tarball = user_cache_path("synthstim") / "npm" / f"{self.name}-{self.version}.tgz"
        content = tarball.read_bytes() if tarball.is_file() else b""
        if _digest(content) != self.sha512:
            content = self._fetched()
            tarball.parent.mkdir(parents=True, exist_ok=True)
            write_whole(tarball, content)
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            found = {short: archive.extractfile(name) for name, short in self.members.items()}
            return {short: stream.read() for short, stream in found.items() if stream is not None}

    def _fetched(self) -> bytes:
        registry = os.environ.get(REGISTRY, "https://registry.npmjs.org/").rstrip("/")
        address = f"{registry}/{self.name}/-/{self.name}-{self.version}.tgz"
        try:
            if not address.startswith(("https://", "http://")):
                raise ValueError(f"{REGISTRY} is no address")
            with urllib.request.urlopen(address, timeout=_LONGEST_S) as stream:
                content: bytes = stream.read(_MOST_BYTES)
        except (OSError, ValueError, urllib.error.URLError) as error:
            raise InputError(
                f"{self.name} {self.version} cannot be fetched from {registry} ({error})",
                f"connect this computer once, or set {REGISTRY} to a registry that it reaches",
                code="unreadable",
            ) from None
        if _digest(content) != self.sha512:
            raise InputError(
                f"what {registry} gave is not {self.name} {self.version}: its checksum differs",
                "try another registry",
                code="mismatch",
            )
        return content


JSPSYCH = NpmPackage(
    "jspsych",
    "8.3.0",
    "UrwSVG14v8oRX6WFQ1L6uuGT0G7KgRDSH48iKIVIQI+yMRGAlvg+tEUNFKe/1xZxgk3kZiZ5xP0AnpPqPj1zkg==",
    {
        "package/dist/index.browser.min.js": "jspsych.js",
        "package/css/jspsych.css": "jspsych.css",
        "package/package.json": "package.json",
    },
)
# PsychoJS loads files with it and expects it to be there.
PRELOADJS = NpmPackage(
    "preloadjs",
    "1.0.1",
    "XwdxL9bfoq9abJU4lVBJDVgbxWvQOk/BbuwXKEEG5BaduY7S8N1VXX4My5PM/UwW6Xf4uWAvWzwWlzb20uECxQ==",
    {"package/lib/preloadjs.min.js": "preloadjs.min.js"},
)


def _digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha512(content).digest()).decode("ascii")
