"""A file that holds less sound than its header promises is refused, and so is one that was never finished."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from synthstim.errors import InputError
from synthstim.modalities.sound import read_sound
from synthstim.stimulus_set import adopt

RATE = 16_000
SOUND = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
# Name: suffix, and how libsndfile writes it.
KINDS = {
    "WAV of 16 bits": (".wav", "WAV", "PCM_16"),
    "WAV of 24 bits": (".wav", "WAVEX", "PCM_24"),
    "WAV of floats": (".wav", "WAV", "FLOAT"),
    "RF64": (".wav", "RF64", "PCM_16"),
    "AIFF": (".aiff", "AIFF", "PCM_16"),
    "AIFF-C": (".aif", "AIFF", "FLOAT"),
    "Wave64": (".w64", "W64", "PCM_24"),
    "FLAC": (".flac", "FLAC", "PCM_16"),
    "Ogg Vorbis": (".ogg", "OGG", "VORBIS"),
    "AU": (".au", "AU", "PCM_16"),
    "MP3": (".mp3", "MP3", "MPEG_LAYER_III"),
}


def written(folder: Path, kind: str) -> Path:
    suffix, container, subtype = KINDS[kind]
    path = folder / f"sound{suffix}"
    soundfile.write(path, SOUND, RATE, format=container, subtype=subtype)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_read_and_one_that_is_cut_off_is_refused(tmp_path, kind):
    path = written(tmp_path, kind)
    whole = path.read_bytes()
    assert len(read_sound(path)[0]) >= RATE
    for share in (0.3, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(
            InputError, match=rf"^{path.name} .*(cut off, copy it again|cannot be read as a sound)"
        ) as told:
            read_sound(path)
        assert "\n" not in str(told.value)


def test_a_wav_that_declares_less_than_it_holds_is_refused(tmp_path):
    path = written(tmp_path, "WAV of 16 bits")
    whole = path.read_bytes()
    at = whole.index(b"data") + 4
    path.write_bytes(whole[:at] + struct.pack("<I", 4000) + whole[at + 4 :])
    with pytest.raises(InputError, match="declares 4,000 bytes of sound, and 28,000 more follow"):
        read_sound(path)
    # A note after the sound is no sound.
    path.write_bytes(whole + b"LIST" + struct.pack("<I4s", 4, b"INFO"))
    assert len(read_sound(path)[0]) == RATE


@pytest.mark.parametrize("kind", ["WAV of 16 bits", "AIFF", "MP3"])
def test_half_a_sound_is_not_adopted(tmp_path, kind):
    (tmp_path / "mine").mkdir()
    path = written(tmp_path / "mine", kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut off"):
        adopt(tmp_path / "mine", tmp_path / "set")
    assert not (tmp_path / "set").exists()


def frame_of_mp3(position: int) -> bytes:
    """A frame of silence, MPEG 1 layer III, 128 kbit/s at 44.1 kHz, 417 bytes."""
    return b"\xff\xfb\x90\xc4" + bytes([position]) * 413


def test_an_mp3_without_a_note_of_its_length_is_judged_by_its_last_frame(tmp_path):
    path = tmp_path / "stream.mp3"
    path.write_bytes(b"".join(map(frame_of_mp3, range(8)))[:-100])
    with pytest.raises(InputError, match="declares 417 bytes of sound and holds 317: it is cut off"):
        read_sound(path)


def unfinished_wav(length: int) -> bytes:
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", length, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return head + struct.pack("<4sI", b"data", length) + bytes(2 * RATE)


def unfinished_rf64() -> bytes:
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, 0, 0, 0, 0)
    start = struct.pack("<4sI4s", b"RF64", 2**32 - 1, b"WAVE")
    return start + sizes + unfinished_wav(2**32 - 1)[12:]


def unfinished_aiff() -> bytes:
    rate = struct.pack(">HQ", 16383 + 13, RATE << 50)  # an extended float
    common = struct.pack(">4sIhIh", b"COMM", 18, 1, 0, 16) + rate
    return b"FORM" + struct.pack(">I", 0) + b"AIFF" + common + struct.pack(">4sIII", b"SSND", 8, 0, 0) + bytes(2 * RATE)


def unfinished_flac(folder: Path) -> bytes:
    data = bytearray(written(folder, "FLAC").read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    return bytes(data)


UNFINISHED = {
    "WAV of 0 bytes": (".wav", lambda _: unfinished_wav(0)),
    "WAV of as many bytes as can be": (".wav", lambda _: unfinished_wav(2**32 - 1)),
    "WAV of as many bytes as can be with its header": (".wav", lambda _: unfinished_wav(2**32 - 45)),
    "RF64": (".wav", lambda _: unfinished_rf64()),
    "AIFF": (".aiff", lambda _: unfinished_aiff()),
    "FLAC": (".flac", unfinished_flac),
}


@pytest.mark.parametrize("kind", UNFINISHED)
def test_a_recording_that_was_never_finished_is_refused(tmp_path, kind):
    suffix, make = UNFINISHED[kind]
    path = tmp_path / f"live{suffix}"
    path.write_bytes(make(tmp_path))
    with pytest.raises(InputError, match=rf"^live{suffix} was never finished: .* listen to it and save it again$"):
        read_sound(path)
