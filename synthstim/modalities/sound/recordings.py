"""Recorded sounds that installed packages carry: words, sentences, textures and music, with their licences.

Nothing is shipped: the files lie where Debian's packages put them. A recording is decoded once, to a mono WAV file at
its own rate in the user's cache, which a recipe can name as a reference.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from synthstim.errors import InputError, nearest
from synthstim.files import cache_folder, written_whole
from synthstim.modalities.sound import Waveform, write_wav
from synthstim.modalities.sound.g722 import g722_to_pcm

KINDS = ("word", "speech", "texture", "music")
# Five textures that keep their level for 5 s: what a demonstration of sound textures starts from.
TEXTURES = ("fire", "water", "wind", "crackle", "fountain")
TABLE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Package:
    """A Debian package that carries recorded sounds: where it puts them, and what may be done with them."""

    name: str
    folder: str
    licence: str
    credit: str


PACKAGES = {
    package.name: package
    for package in (
        Package("asterisk-core-sounds-en-g722", "asterisk/sounds/en_US_f_Allison", "CC-BY-SA-3.0", "Allison Smith, Digium"),
        Package("asterisk-moh-opsound-g722", "asterisk/moh", "CC-BY-SA-3.0", "Macroform, Manolo Camp, Reno Project"),
        Package("pocketsphinx-testdata", "pocketsphinx/test/data", "BSD-2-Clause", "Carnegie Mellon University, LibriVox"),
        Package("sonic-pi-samples", "sonic-pi/samples", "CC0-1.0", "freesound.org, MIT where made by Sonic Pi"),
        Package("ufoai-sound", "games/ufoai/base", "CC-BY-SA-3.0", "the UFO: Alien Invasion team"),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """One recorded sound.

    ``path`` is the installed file, and ``member`` names the sound inside it where it is an archive. ``channel`` says
    what the mono sound is: ``mono`` (the file has one channel), ``left``, or the ``mean`` of both. ``start_s`` and
    ``stop_s`` are the part that is read, in seconds; all of it where ``stop_s`` is 0.
    """

    name: str
    path: Path
    kind: str
    text: str
    source: str
    licence: str
    credit: str = ""
    member: str = ""
    channel: str = "mono"
    start_s: float = 0.0
    stop_s: float = 0.0

    def read(self) -> tuple[Waveform, int]:
        """The waveform, (time,) float32 at full scale, and its own rate in Hz.

        Raises:
            InputError: the file cannot be decoded.
        """
        values, rate = soundfile.read(str(self.wav()), dtype="float32")
        return values, rate

    def wav(self) -> Path:
        """A mono 24-bit WAV file of it in the user's cache, decoded the first time it is asked for."""
        stamp = self.path.stat()
        key = f"1 {self.path} {self.member} {stamp.st_size} {stamp.st_mtime_ns} {self.channel} {self.start_s} {self.stop_s}"
        cached = cache_folder() / f"{self.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.wav"
        if not cached.is_file():
            with written_whole(cached) as part:
                write_wav(part, *self._decoded())  # a whole file at once: other processes may decode the same sound
        return cached

    def _decoded(self) -> tuple[Waveform, int]:
        values, rate = decode(self.path, self.member)
        if self.channel == "mono" and values.shape[1] != 1:
            raise InputError(
                f"{self.path.name} has {values.shape[1]} channels, one was expected", f"reinstall {self.source}"
            )
        mono = values[:, 0] if self.channel == "left" else values.mean(1, dtype=np.float64)
        part = mono[round(self.start_s * rate) : round(self.stop_s * rate) or None]
        # Lossy coding overshoots: a peak beyond full scale is brought back to it.
        return (part / max(1.0, float(np.abs(part).max(initial=0)))).astype(np.float32), rate


def carried_sounds(kind: str | None = None, *, root: str | Path = "/usr/share") -> list[Recording]:
    """Recorded sounds that the installed packages carry, sorted by kind and name.

    Args:
        kind: ``word`` (one word, ``text`` says which), ``speech`` (sentences with their text), ``texture``, ``music``;
            None gives all.
        root: the folder under which the packages put their files.

    Raises:
        InputError: the kind is unknown, or no package that carries such sounds is installed.

    Example:
        >>> [sound.name for sound in carried_sounds("texture")][:2]  # of packages of the system  # doctest: +SKIP
        ['crackle', 'fire']
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"recordings of kind {kind!r} are unknown: {nearest(kind, KINDS)}")
    rows = [row for row in _rows() if kind in (None, row["kind"])]
    found = [_recording(row, Path(root)) for row in rows]
    found = [sound for sound in found if sound.path.is_file()]
    if not found:
        wanted = " ".join(sorted({row["package"] for row in rows}))
        raise InputError(
            f"no recorded sound{f' of kind {kind!r}' if kind else ''} is installed: on Debian or Ubuntu run "
            f"'apt-get install {wanted}', elsewhere give a folder of your own sound files"
        )
    return sorted(found, key=lambda sound: (KINDS.index(sound.kind), sound.name))


def carried(name: str, *, root: str | Path = "/usr/share") -> Recording:
    """The recorded sound of that name.

    Raises:
        InputError: there is none, or its package is not installed.

    Example:
        >>> waveform, rate = carried("fire").read()  # of a package of the system  # doctest: +SKIP
    """
    row = next((row for row in _rows() if row["name"] == name), None)
    if row is None:
        raise InputError(f"no recording is called {name!r}: {nearest(name, [row['name'] for row in _rows()])}")
    sound = _recording(row, Path(root))
    if not sound.path.is_file():
        raise InputError(
            f"the recording {name!r} is not installed", f"run 'apt-get install {row['package']}'", code="not-installed"
        )
    return sound


@functools.cache
def _rows() -> tuple[dict[str, str], ...]:
    with open(TABLE, encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def _recording(row: dict[str, str], root: Path) -> Recording:
    package = PACKAGES[row["package"]]
    file, _, member = row["file"].partition("!")
    return Recording(
        name=row["name"], kind=row["kind"], text=row["text"], path=root / package.folder / file, member=member,
        source=package.name, licence=row["licence"] or package.licence, credit=package.credit, channel=row["channel"],
        start_s=float(row["start_s"] or 0), stop_s=float(row["stop_s"] or 0),
    )  # fmt: skip


def decode(path: Path, member: str = "") -> tuple[NDArray[np.float32], int]:
    """Decode a sound file, or a member of a zip archive: (time, channel) float32, and the rate in Hz.

    G.722 (``.g722``, 16 kHz) goes through the ffmpeg that imageio-ffmpeg carries; ``.raw`` is 16-bit, 16 kHz; anything
    else is libsndfile's.

    Raises:
        InputError: it is damaged, or ffmpeg cannot be run.
    """
    try:
        data = zipfile.ZipFile(path).read(member) if member else path.read_bytes()
        suffix = Path(member or path.name).suffix.lower()
        if suffix == ".g722":
            data, suffix = g722_to_pcm(data), ".raw"
        if suffix == ".raw":
            return np.frombuffer(data, "<i2").astype(np.float32)[:, None] / np.float32(32768), 16_000
        return soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except Exception as error:  # damaged files make decoders raise anything
        raise InputError(
            f"{member or path.name} cannot be decoded ({error})", "install its package again", code="unreadable"
        ) from None


def words(sounds: Iterable[Recording]) -> dict[str, list[Recording]]:
    """Recordings of kind ``word`` by the word that is said."""
    said: dict[str, list[Recording]] = {}
    for sound in sounds:
        if sound.kind == "word":
            said.setdefault(sound.text, []).append(sound)
    return said
