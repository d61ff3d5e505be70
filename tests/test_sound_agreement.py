"""Sounds that are the same whoever resamples them, and that nothing cuts off."""

import numpy as np
import pytest
import torch

from synthstim.constraints import Level, Peak, project_all
from synthstim.errors import InputError
from synthstim.modalities.sound import RESAMPLERS, fit_sound, heard_through, highest_hz, peak_run, raise_rate, resample
from synthstim.models import SoundInput, load_model
from synthstim.objectives import match
from synthstim.optimise import Adam, Stopping, Synthesiser
from synthstim.parametrise import Spectrogram, Waveform

STEP = 2.0**-23
RATES = [(16_000, 48_000), (20_000, 48_000), (20_000, 44_100), (16_000, 44_100), (8_000, 48_000)]
PARAMETRISATIONS = {"spectrogram": Spectrogram, "waveform": Waveform, "pink waveform": lambda given: Waveform(given, decay=0.5)}  # fmt: skip


def noise(given: SoundInput, batch: int = 2, rms: float = 0.1) -> torch.Tensor:
    """White noise with all that the network can hear, loud to its very ends."""
    random = torch.Generator().manual_seed(0)
    return rms * torch.randn(batch, given.network_samples, generator=random, dtype=torch.float64)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    return float(20 * np.log10(np.linalg.norm(one - other) / np.linalg.norm(other)))


@pytest.mark.parametrize(("heard", "played"), RATES)
@pytest.mark.parametrize("resampler", ["soxr", "soxr-vhq"])
def test_resamplers_agree_on_what_is_rendered(heard, played, resampler):
    given = SoundInput.lasting(0.5, network_rate=heard, rate=played)
    spectrogram = Spectrogram(given)
    wild = spectrogram.render(torch.randn(2, *spectrogram.latent_shape, generator=torch.Generator().manual_seed(1)) - 4)
    for sound in torch.cat([raise_rate(noise(given), heard, played), wild]).float().numpy():
        other = heard_through(resampler, sound, played, heard)
        assert decibels(other, sound) < -25
        # What differs lies where the band fades out; below, nothing does.
        below = [resample(torch.from_numpy(one).double(), played, heard // 2).numpy() for one in (other, sound)]
        assert decibels(*below) < -60


@pytest.mark.parametrize(("heard", "played"), RATES)
def test_a_reference_ends_where_a_metamer_ends(heard, played):
    given = SoundInput.lasting(0.5, network_rate=heard, rate=played)
    random = np.random.default_rng(0)
    reference = fit_sound(0.1 * random.standard_normal(played).astype(np.float32), played, to=played, samples=given.samples, heard=heard)  # fmt: skip
    for sound in (reference, Waveform(given).render(noise(given))[0].numpy()):
        power = np.abs(np.fft.rfft(sound)) ** 2
        frequency = np.fft.rfftfreq(len(sound), 1 / played)
        assert power[frequency > highest_hz(heard, played) + 200].sum() < 1e-6 * power.sum()
        assert power[(frequency > 0.8 * heard / 2) & (frequency < 0.9 * heard / 2)].sum() > 0.05 * power.sum()
        assert np.abs(sound[[0, -1]]).max() < 1e-3 * np.abs(sound).max()


def test_a_set_at_the_rate_of_the_network_is_neither_limited_nor_faded():
    sounds = noise(SoundInput.lasting(0.5, network_rate=16_000, rate=16_000))
    assert torch.equal(raise_rate(sounds, 16_000, 16_000), sounds)
    assert highest_hz(16_000, 16_000) == 8000
    assert np.array_equal(heard_through("soxr", sounds[0].numpy(), 16_000, 16_000), sounds[0].numpy())


@pytest.mark.parametrize("resampler", RESAMPLERS)
def test_what_lies_in_the_middle_of_band_and_time_passes_every_resampler(resampler):
    time = np.arange(48_000) / 48_000
    tone = (0.1 * np.sin(2 * np.pi * 1000 * time) * np.sin(np.pi * time) ** 2).astype(np.float32)
    assert decibels(heard_through(resampler, tone, 48_000, 16_000), tone) < -55


def test_unknown_resamplers():
    with pytest.raises(InputError, match=r"no resampler is called 'sox': did you mean 'soxr'"):
        heard_through("sox", np.zeros(480, np.float32), 48_000, 16_000)


@pytest.mark.parametrize("kind", PARAMETRISATIONS)
@pytest.mark.parametrize("louder", [1.0, 30.0, 1000.0])
def test_the_scale_of_the_latents_changes_no_sound_that_has_a_level(kind, louder):
    """Latents may drift to any scale: the sound at its level is the same, and is cut nowhere."""
    given = SoundInput.lasting(0.2, network_rate=16_000)
    parametrisation = PARAMETRISATIONS[kind](given)
    latents = parametrisation.invert(raise_rate(noise(given), 16_000, 48_000))
    scaled = latents.clone()
    if kind == "spectrogram":
        scaled[:, 0] += np.log(louder)
    else:
        scaled *= louder
    level = Level(rms_dbfs=-26)
    wanted, found = (level.project(parametrisation.render(one)) for one in (latents, scaled))
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=1e-6)
    assert parametrisation.render(scaled).abs().max() <= 1
    assert [peak_run(sound.float().numpy(), STEP) for sound in parametrisation.render(scaled)] == [0, 0]


@pytest.mark.parametrize("most_dbfs", [-6.0, -12.0, -16.0])
def test_a_limited_sound_keeps_below_its_peak_without_a_flat_run(most_dbfs):
    sounds = raise_rate(noise(SoundInput.lasting(0.5, network_rate=16_000), rms=0.1), 16_000, 48_000)
    limited = project_all([Level(rms_dbfs=-20), Peak(most_dbfs=most_dbfs)], sounds)
    assert limited.abs().max() <= 10 ** (most_dbfs / 20)
    assert [peak_run(sound.float().numpy(), STEP) for sound in limited] == [0, 0]


def rounded(sound: np.ndarray, bits: int) -> np.ndarray:
    return (np.rint(sound * 2 ** (bits - 1)) / 2 ** (bits - 1)).astype(np.float32)


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("hertz", [20, 50, 100, 440, 3000])
@pytest.mark.parametrize("peak", [0.9, 0.05, 0.002])
def test_a_tone_is_cut_where_it_was_cut(bits, hertz, peak):
    """However slow or quiet a tone is, rounding to its top is not taken for a cut; a hard cut at 80 % is one."""
    tone = peak * np.sin(2 * np.pi * hertz * np.arange(48_000) / 48_000 + 0.3)
    assert peak_run(rounded(tone, bits), 2.0 ** (1 - bits)) == 0
    steps_a_sample = 0.6 * peak * 2 * np.pi * hertz / 48_000 * 2 ** (bits - 1)
    if hertz <= 440 and steps_a_sample > 10:
        assert peak_run(rounded(tone.clip(-0.8 * peak, 0.8 * peak), bits), 2.0 ** (1 - bits)) >= 3


@pytest.mark.parametrize("bits", [16, 24])
def test_noise_is_not_taken_for_cut(bits):
    random = np.random.default_rng(0)
    for _ in range(200):
        spectrum = np.fft.rfft(random.standard_normal(9600))
        spectrum[np.fft.rfftfreq(9600, 1 / 48_000) > 7600] = 0
        sound = np.fft.irfft(spectrum)
        assert peak_run(rounded(0.05 * sound / sound.std(), bits), 2.0 ** (1 - bits)) == 0


def test_an_item_alone_is_the_same_item_in_a_batch_of_eight():
    """In float64, to rounding: nothing but the order of sums depends on who shares the batch."""
    observer = load_model("cochleagram", seconds=0.2).to(dtype=torch.float64)
    references = Spectrogram(observer.input)
    sounds = references.render(references.invert(raise_rate(noise(observer.input, 8), 20_000, 48_000)))

    def made(rows: list[int]) -> torch.Tensor:
        return (
            Synthesiser(
                observer, match(sounds[rows], ["cochleagram"]), references, seeds=rows, optimiser=Adam(step=0.1),
                stopping=Stopping(evaluations=40), constraints=[Level(rms_dbfs=-26), Peak(most_dbfs=-12)], file_levels=None,
            ).result().stimuli
        )  # fmt: skip

    together = made(list(range(8)))
    for item in (0, 5):
        assert (made([item])[0] - together[item]).norm() < 1e-9 * together[item].norm()
