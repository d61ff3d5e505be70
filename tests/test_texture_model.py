"""Statistics of textures: values of an independent computation, laws of every class, and synthesis of a recorded texture."""

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis, skew

from synthstim.constraints import Level, Peak
from synthstim.errors import InputError
from synthstim.models import load_model
from synthstim.models.hearing.textures import ENVELOPE_OFFSETS, FLAG_DB, RATE, STATISTICS, STOP_DB, SoundTexture
from synthstim.objectives import match
from synthstim.optimise import Adam, Stopping, Synthesiser
from synthstim.parametrise import Spectrogram, shaped_noise
from synthstim.recordings import carried
from synthstim.sounds import at_level, fit_sound
from synthstim.verify import profile_of

SAMPLES = 20_000


def layers_of(model: SoundTexture, sounds: torch.Tensor, names: tuple[str, ...]) -> dict[str, torch.Tensor]:
    from synthstim.models.capture import read_layers

    return read_layers(model, sounds, names)


def sounds_of(count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    slow = 0.6 + 0.4 * torch.sin(torch.arange(SAMPLES) / RATE * 2 * torch.pi * 5)
    return 0.05 * slow * torch.randn(count, SAMPLES, generator=generator)


def test_envelope_statistics_are_those_of_numpy_and_scipy():
    model = SoundTexture(SAMPLES, edge=0).double()
    names = (
        "envelopes",
        "envelope_mean",
        "envelope_variation",
        "envelope_skewness",
        "envelope_kurtosis",
        "envelope_correlation",
    )
    read = {name: value[0].numpy() for name, value in layers_of(model, sounds_of().double(), names).items()}
    envelopes = read["envelopes"]
    mean = envelopes.mean(1)
    np.testing.assert_allclose(read["envelope_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(read["envelope_variation"], envelopes.std(1) / mean, rtol=1e-4)
    np.testing.assert_allclose(read["envelope_skewness"], skew(envelopes, axis=1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(read["envelope_kurtosis"], kurtosis(envelopes, axis=1, fisher=False), rtol=1e-3)
    full = np.corrcoef(envelopes)
    pairs = [full[low, low + offset] for offset in ENVELOPE_OFFSETS for low in range(len(full) - offset)]
    np.testing.assert_allclose(read["envelope_correlation"], pairs, rtol=1e-3, atol=1e-4)


def test_subband_variances_add_up_to_the_sound_s():
    model = SoundTexture(SAMPLES, edge=0).double()
    sounds = sounds_of().double()
    variance = layers_of(model, sounds, ("subband_variance",))["subband_variance"].sum(1)
    # The squared responses of the filters sum to 1 at every frequency.
    torch.testing.assert_close(variance, sounds.var(1), rtol=5e-3, atol=0)


def test_modulation_power_is_greatest_at_the_rate_of_the_modulation():
    slow = 1 + 0.9 * torch.sin(torch.arange(2 * RATE) / RATE * 2 * torch.pi * 16)
    sound = 0.05 * slow * torch.randn(2 * RATE, generator=torch.Generator().manual_seed(0))
    power = layers_of(SoundTexture(2 * RATE), sound[None], ("modulation_power",))["modulation_power"].view(32, 20)
    centres = np.geomspace(0.5, 200, 20)
    loudest = int(power[5:25].mean(0).argmax())
    assert 8 < centres[loudest] < 32


def test_laws_of_every_class():
    model = SoundTexture(SAMPLES)
    sounds = torch.cat([sounds_of(1), torch.zeros(1, SAMPLES), sounds_of(2)[1:]]).requires_grad_()
    read = layers_of(model, sounds, (*STATISTICS, "envelope_kurtosis"))
    alone = layers_of(model, sounds[2:], STATISTICS)
    for name in STATISTICS:
        assert torch.isfinite(read[name]).all(), name
        torch.testing.assert_close(read[name][2], alone[name][0], rtol=1e-3, atol=1e-5)
        (gradient,) = torch.autograd.grad(read[name].sum(), sounds, retain_graph=True)
        assert torch.isfinite(gradient).all(), name
        assert gradient[0].abs().max() > 0, name
    with pytest.raises(InputError, match=r"a sound of 0\.25 s came"):
        SoundTexture(5000)


def test_a_recorded_texture_is_matched_in_every_class_and_the_seed_decides():
    try:
        waveform, rate = carried("fire").read()
    except InputError as error:
        pytest.skip(str(error))
    observer = load_model("sound-texture", seconds=1.0)
    given = observer.input
    heard = fit_sound(waveform, rate, to=given.rate, samples=given.samples, heard=RATE)
    reference = torch.from_numpy(at_level(heard, -26))[None]

    def made() -> torch.Tensor:
        start = shaped_noise(reference, [torch.Generator().manual_seed(1)])
        return Synthesiser(
            observer, match(reference, observer.groups["statistics"]), Spectrogram(given), seeds=[1], start=start,
            optimiser=Adam(step=0.1), stopping=Stopping(evaluations=100), constraints=[Level(rms_dbfs=-26), Peak()],
            file_levels=None,
        ).result().stimuli  # fmt: skip

    one = made()
    profile = profile_of(observer, one[0].numpy(), reference[0].numpy(), STATISTICS)
    decibels = [float(measures["match_db"]) for measures in profile.values()]
    assert min(decibels) > FLAG_DB
    assert np.median(decibels) > STOP_DB
    assert float((one - reference).norm() / reference.norm()) > 1
    assert torch.equal(made(), one)
