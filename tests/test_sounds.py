"""Sounds in files: read as they are, written without loss or clipping, refused with one sentence."""

import contextlib
import struct

import numpy as np
import pytest
import soundfile
import soxr
import torch

from synthstim.errors import InputError
from synthstim.modalities.sound import (
    as_sound,
    at_level,
    coding_of,
    fit_sound,
    gain_that_fits,
    level_of,
    read_sound,
    resample,
    write_wav,
)
from synthstim.modalities.sound.recordings import decode
from synthstim.models import SoundInput

RATE = 16_000


def speechlike(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Noise below 4 kHz under a slow envelope."""
    random = np.random.default_rng(seed)
    count = int(seconds * rate)
    spectrum = np.fft.rfft(random.standard_normal(count))
    spectrum[np.fft.rfftfreq(count, 1 / rate) > 4000] = 0
    envelope = 0.5 - 0.5 * np.cos(2 * np.pi * 3 * np.arange(count) / rate)
    values = np.fft.irfft(spectrum, n=count) * envelope
    return (0.3 * values / np.abs(values).max()).astype(np.float32)


@pytest.mark.parametrize(("coding", "step"), [("pcm16", 2**-15), ("pcm24", 2**-23), ("float32", 0)])
def test_what_is_written_is_read_back_to_half_a_step(tmp_path, coding, step):
    sound = speechlike(0.3)
    sound[:3] = 1.0, -1.0, 0.0
    write_wav(tmp_path / "a.wav", sound, 44_100, coding=coding)
    found, rate = read_sound(tmp_path / "a.wav")
    assert rate == 44_100
    assert coding_of(tmp_path / "a.wav") == coding
    # Full scale itself has no step: it loses one.
    assert np.abs(found - sound)[1:].max() <= step / 2
    assert 1 - found[0] <= step
    write_wav(tmp_path / "b.wav", found, rate, coding=coding)
    assert (tmp_path / "b.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()


def test_other_formats_are_read(tmp_path):
    sound = speechlike(0.5)
    for suffix in ("flac", "ogg", "aiff"):
        soundfile.write(tmp_path / f"a.{suffix}", sound, RATE)
        found, rate = read_sound(tmp_path / f"a.{suffix}")
        assert rate == RATE
        assert np.corrcoef(found[: len(sound)], sound)[0, 1] > (0.95 if suffix == "ogg" else 0.9999)


def test_nothing_is_clipped_and_the_gain_that_fits_is_told(tmp_path):
    loud = speechlike(0.1) * 6
    with pytest.raises(InputError, match=r"5\.1 dB beyond full scale, a gain of -5\.2 dB would fit"):
        write_wav(tmp_path / "loud.wav", loud, RATE)
    assert not (tmp_path / "loud.wav").exists()
    fits = loud * 10 ** (gain_that_fits(float(np.abs(loud).max())) / 20)
    write_wav(tmp_path / "loud.wav", fits.astype(np.float32), RATE)
    with pytest.raises(InputError, match=r"word at -3 dBFS would clip: .* level_dbfs (-\d+\.\d) would fit"):
        at_level(speechlike(1.0), -3, "word")
    assert level_of(at_level(speechlike(1.0), -30)).rms_dbfs == pytest.approx(-30, abs=1e-3)


@pytest.mark.parametrize(("rate", "to"), [(16_000, 48_000), (20_000, 48_000), (20_000, 44_100), (16_000, 44_100)])
def test_raising_the_rate_and_lowering_it_again_changes_nothing(rate, to):
    heard = SoundInput.lasting(0.5, network_rate=rate, rate=to)
    sounds = torch.randn(3, heard.network_samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sounds = resample(resample(sounds, rate, to), to, rate)  # without the Nyquist frequency, whose phase cannot be kept
    raised = resample(sounds, rate, to)
    assert raised.shape == (3, heard.samples)
    torch.testing.assert_close(resample(raised, to, rate), sounds, atol=1e-10, rtol=0)


def test_resampling_agrees_with_an_independent_resampler():
    sound = speechlike(1.0, 48_000)
    ours = resample(torch.from_numpy(sound).double(), 48_000, 16_000).numpy()
    theirs = soxr.resample(sound.astype(np.float64), 48_000, 16_000, quality="VHQ")
    assert np.abs(ours - theirs)[200:-200].max() < 1e-4


def test_resampling_is_differentiable():
    sounds = torch.randn(2, 60, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: resample(x, 600, 1500), sounds)


@pytest.mark.parametrize(("seconds", "how"), [(1.5, "crop"), (0.6, "pad"), (1.0, "exact")])
def test_sounds_are_brought_to_an_input(seconds, how):
    sound = speechlike(seconds, 22_050)
    fitted = fit_sound(sound, 22_050, to=48_000, samples=48_000, heard=16_000, how=how)
    assert fitted.shape == (48_000,)
    power = np.abs(np.fft.rfft(fitted)) ** 2
    assert power[8001:].sum() < 1e-6 * power.sum()
    if how == "pad":
        assert level_of(fitted[30_000:]).rms_dbfs < -60


def test_lengths_that_do_not_fit():
    with pytest.raises(InputError, match=r"lasts 0\.020 s; expected 1\.000 s: choose a shorter duration, or fit 'pad'"):
        fit_sound(speechlike(0.02), RATE, to=48_000, samples=48_000)
    with pytest.raises(InputError, match=r"lasts 1\.500 s, fit 'exact' needs 1\.000 s"):
        fit_sound(speechlike(1.5), RATE, to=48_000, samples=48_000, how="exact")
    with pytest.raises(InputError, match="is silent: give a sound"):
        fit_sound(np.zeros(RATE, np.float32), RATE, to=48_000, samples=48_000)
    ends = np.concatenate([speechlike(0.2), np.zeros(RATE * 3, np.float32), speechlike(0.2)])
    with pytest.raises(InputError, match=r"the middle 1\.000 s of word are silent"):
        fit_sound(ends, RATE, to=48_000, samples=48_000, name="word")
    with pytest.raises(InputError, match="fit 'stretch' is unknown for a sound"):
        fit_sound(speechlike(1.5), RATE, to=48_000, samples=48_000, how="stretch")


def write_header(path, declared: int, held: int) -> None:
    """A mono 16-bit WAV file whose header declares more samples than it holds."""
    content = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", (36 + 2 * declared) % 2**32, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", (2 * declared) % 2**32)  # fmt: skip
    path.write_bytes(content + bytes(2 * held))


def test_bad_files_are_one_sentence(tmp_path):
    def wrong(name, sentence):
        with pytest.raises(InputError, match=sentence) as told:
            read_sound(tmp_path / name)
        assert "\n" not in str(told.value)

    wrong("absent.wav", "no sound file at .*absent.wav: check the path")
    (tmp_path / "text.wav").write_text("this is a text file")
    wrong("text.wav", r"text.wav cannot be read as a sound \(.*\): give a WAV, FLAC")
    soundfile.write(tmp_path / "stereo.wav", np.zeros((100, 2)), RATE)
    wrong("stereo.wav", "stereo.wav has 2 channels; expected a mono sound")
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan, np.inf]), RATE, subtype="FLOAT")
    wrong("nan.wav", "nan.wav holds 2 samples that are NaN or infinite")
    soundfile.write(tmp_path / "loud.wav", np.array([0.1, 1.5]), RATE, subtype="FLOAT")
    wrong("loud.wav", r"loud.wav would clip: its peak is 3.5 dB beyond full scale, a gain of -3.6 dB would fit")
    soundfile.write(tmp_path / "long.wav", np.zeros(RATE * 600, np.float32), RATE)
    wrong("long.wav", "long.wav declares 600 s of sound, more than the 300 s that are read")
    soundfile.write(tmp_path / "slow.wav", np.zeros(100), 200)
    wrong("slow.wav", "slow.wav is at 200 Hz; expected 1000 to 400000 Hz")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    wrong("empty.wav", r"empty.wav has shape \(0,\); expected \(time,\), a mono sound that is not empty")


@pytest.mark.parametrize("declared", [2**31 - 1, 2**30, RATE * 200])
def test_a_header_that_declares_more_than_the_file_holds_reads_no_more(tmp_path, declared):
    write_header(tmp_path / "false.wav", declared, 500)
    # libsndfile trusts the file's size instead, or the sound is refused: more than is there is never read.
    with contextlib.suppress(InputError):
        assert len(read_sound(tmp_path / "false.wav")[0]) == 500


def test_values_that_are_no_sound():
    with pytest.raises(InputError, match=r"shape \(2, 100\); expected \(time,\)"):
        as_sound(np.zeros((2, 100), np.float32))
    with pytest.raises(InputError, match="holds int16; expected full scale, floats from -1 to 1"):
        as_sound(np.zeros(100, np.int16))
    with pytest.raises(InputError, match="coding 'mp3' is unknown"):
        write_wav("a.wav", np.zeros(10, np.float32), RATE, coding="mp3")


def test_inputs_of_sounds():
    assert SoundInput.lasting(1.0, network_rate=20_000, rate=44_100).network_samples == 20_000
    with pytest.raises(InputError, match=r"a duration of -1 s given"):
        SoundInput.lasting(-1, network_rate=20_000)
    with pytest.raises(InputError, match="cannot hold what a network at 20000 Hz hears"):
        SoundInput.lasting(1.0, network_rate=20_000, rate=16_000)
    with pytest.raises(InputError, match=r"are not a whole number at 20000 Hz: use SoundInput\.lasting"):
        SoundInput(rate=48_000, samples=48_001, network_rate=20_000)


def test_one_channel_of_several(tmp_path):
    left, right = speechlike(0.2, seed=1), speechlike(0.2, seed=2)
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], 1), RATE, subtype="FLOAT")
    for channel, wanted in {"left": left, "right": right, "mean": (left + right) / 2}.items():
        np.testing.assert_allclose(read_sound(tmp_path / "two.wav", channel=channel)[0], wanted, atol=1e-7)
        write_wav(tmp_path / "one.wav", left, RATE, coding="float32")
        np.testing.assert_array_equal(read_sound(tmp_path / "one.wav", channel=channel)[0], left)
    soundfile.write(tmp_path / "six.wav", np.zeros((100, 6)), RATE)
    with pytest.raises(InputError, match=r"six\.wav has 6 channels, none of them the right one: choose channel mean"):
        read_sound(tmp_path / "six.wav", channel="right")
    assert read_sound(tmp_path / "six.wav", channel="mean")[0].shape == (100,)
    with pytest.raises(InputError, match="channel 'both' is unknown: choose left, right, mean"):
        read_sound(tmp_path / "two.wav", channel="both")


def test_g722_is_read_as_recordings_are(tmp_path):
    sound = np.random.default_rng(0).integers(0, 256, 8000, dtype=np.uint8)
    path = tmp_path / "prompt.g722"
    path.write_bytes(sound.tobytes())
    waveform, rate = read_sound(path)
    assert (rate, waveform.shape) == (16_000, (16_000,))
    np.testing.assert_array_equal(waveform, decode(path)[0][:, 0])
    assert coding_of(path) == "pcm16"
