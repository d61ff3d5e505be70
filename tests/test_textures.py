"""Sound textures: the published definitions, what the statistics tell apart, and bounded gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import texture_oracle
import torch

from synthstim.errors import InputError
from synthstim.modalities.sound import shaped_noise, write_wav
from synthstim.modalities.sound.recordings import carried
from synthstim.models import Observer, SoundInput
from synthstim.models.capture import read_layers
from synthstim.models.hearing.modulation import constant_q_bands, measurement_window, octave_bands, octave_centres
from synthstim.models.hearing.textures import (
    EVALUATIONS,
    RATE,
    STATISTICS,
    SoundTexture,
    class_decibels,
    network,
)
from synthstim.models.textures import FLAG_DB, STOP_DB, unmatched
from synthstim.objectives import match
from synthstim.optimise import LBFGS, Stopping, Synthesiser
from synthstim.parametrise import Spectrogram
from synthstim.production import make
from synthstim.recipe import Recipe

CLASSES = (*STATISTICS[:4], "envelope_kurtosis", *STATISTICS[4:])
SECOND = RATE


def white(samples: int, seed: int = 0, items: int = 1) -> torch.Tensor:
    return 0.05 * torch.randn(items, samples, generator=torch.Generator().manual_seed(seed))


def uneven(samples: int) -> torch.Tensor:
    """Noise whose level flickers and beats at 7 Hz, with an uneven spectrum."""
    time = torch.arange(samples) / RATE
    slow = torch.randn(samples // 400 + 1, generator=torch.Generator().manual_seed(1)).repeat_interleave(400)[:samples]
    noise = white(samples)[0]
    noise = noise + 2 * torch.roll(noise, 1)
    return (noise * torch.exp(0.5 * slow) * (1 + 0.8 * torch.sin(2 * math.pi * 7 * time)))[None]


@pytest.fixture(scope="module")
def model() -> SoundTexture:
    return network(2 * SECOND)


@pytest.fixture(scope="module")
def even() -> SoundTexture:
    """All of a sound counts alike."""
    return SoundTexture(2 * SECOND, edge=0.0)


def read(model: SoundTexture, sounds: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return read_layers(model, sounds, CLASSES)


@pytest.mark.parametrize("samples", [2 * SECOND, 30_010])
def test_it_measures_what_the_published_description_says(samples):
    sound = uneven(samples)
    sound -= sound.mean()
    ours = read(SoundTexture(samples, edge=None), sound)
    theirs = texture_oracle.statistics(sound[0].double().numpy())
    for name in CLASSES:
        error = np.linalg.norm(ours[name][0].numpy() - theirs[name]) / np.linalg.norm(theirs[name])
        assert error < 3e-3, name


def test_the_classes_have_the_published_sizes(model):
    found = read(model, white(2 * SECOND))
    sizes = {name: values.shape[1] for name, values in found.items()}
    assert sizes == dict(zip(CLASSES, (32, 32, 32, 32, 32, 189, 640, 366, 384), strict=True))
    assert torch.equal(model(white(2 * SECOND)), torch.cat(list(found.values()), 1))


def test_modulation_filters_are_as_published():
    frequency = np.fft.rfftfreq(800, 1 / 400)
    assert octave_centres() == [1.5625, 3.125, 6.25, 12.5, 25.0, 50.0, 100.0]
    octaves = octave_bands(800, 400).numpy()
    assert np.allclose(octaves, texture_oracle.octave_filters(800))
    inner = (frequency >= 1.5625) & (frequency <= 100)
    assert np.allclose((octaves**2).sum(0)[inner], 1)
    power = constant_q_bands(800, 400).numpy()
    assert np.allclose(power, texture_oracle.modulation_filters(800))
    assert np.allclose(measurement_window(2000, seconds=5).numpy(), texture_oracle.window(2000, 5))


def test_a_compressed_envelope_of_noise_varies_as_theory_says():
    # Rayleigh amplitudes r: E[r^0.3] = 2^0.15 Gamma(1.15), E[r^0.6] = 2^0.3 Gamma(1.3). It holds where bands are
    # narrower than the envelope's 200 Hz.
    theory = math.sqrt(math.gamma(1.3) / math.gamma(1.15) ** 2 - 1)
    found = read(SoundTexture(8 * SECOND), white(8 * SECOND, items=2))["envelope_variation"]
    assert float(found[:, 3:9].mean()) == pytest.approx(theory, rel=0.05)


def test_levels_scale_what_they_should(even):
    loud, soft = read(even, uneven(2 * SECOND)), read(even, 0.1 * uneven(2 * SECOND))
    assert torch.allclose(soft["subband_variance"], 0.01 * loud["subband_variance"], rtol=1e-3)
    assert torch.allclose(soft["envelope_mean"], 0.1**0.3 * loud["envelope_mean"], rtol=1e-3)
    for name in CLASSES[2:]:
        assert float((soft[name] - loud[name]).norm() / loud[name].norm()) < 1e-3, name


def test_a_constant_is_not_heard(model):
    sound = uneven(2 * SECOND)
    assert torch.allclose(model(sound + 0.01), model(sound), atol=1e-3)


def test_modulation_power_lies_where_the_modulation_is(model):
    time = torch.arange(2 * SECOND) / RATE
    centres = 0.5 * 400 ** (np.arange(20) / 19)
    for rate in (4.0, 16.0, 64.0):
        sound = white(2 * SECOND) * (1 + torch.sin(2 * math.pi * rate * time))
        power = read(model, sound)["modulation_power"].view(32, 20)[20:30].mean(0)
        assert abs(math.log2(centres[int(power.argmax())] / rate)) < 0.5


def test_reversed_time_turns_c2_and_nothing_else(even):
    sound = uneven(2 * SECOND)
    fade = torch.ones(2 * SECOND)
    fade[:2000], fade[-2000:] = torch.linspace(0, 1, 2000), torch.linspace(1, 0, 2000)
    forward, backward = read(even, fade * sound), read(even, (fade * sound).flip(1))
    for name in CLASSES[:-1]:
        # Frames do not fall on the same instants.
        assert float((forward[name] - backward[name]).norm() / forward[name].norm()) < 0.03, name
    one, two = (found["modulation_correlation_c2"].view(32, 6, 2)[..., 1] for found in (forward, backward))
    assert float((one + two).norm() / one.norm()) < 0.1


def test_c2_tells_sudden_onsets_from_sudden_ends(model):
    time = torch.arange(2 * SECOND) / RATE
    decay = torch.exp(-40 * (time % 0.125))
    damped, ramped = white(2 * SECOND) * decay, white(2 * SECOND) * decay.flip(0)
    one, two = (
        read(model, each)["modulation_correlation_c2"].view(32, 6, 2)[15:28, 3, 1].mean() for each in (damped, ramped)
    )
    assert float(one) * float(two) < 0
    assert abs(float(one)) > 0.2


def test_correlations_tell_common_from_separate_modulation(model):
    pulses = torch.zeros(2 * SECOND)
    pulses[500::1500] = 1
    common = read(model, pulses[None] + 1e-4 * white(2 * SECOND))["envelope_correlation"]
    separate = read(model, white(2 * SECOND))["envelope_correlation"]
    # Of the widest bands, whose envelopes follow pulses; neighbours share half their width, others nothing.
    far = slice(31 + 30 + 29, 31 + 30 + 29 + 27)
    assert float(common[0, far][-8:].mean()) > 0.8
    assert abs(float(separate[0, far].mean())) < 0.1


@pytest.mark.parametrize("what", ["silence", "tone", "click", "faint"])
def test_statistics_and_gradients_stay_finite(model, what):
    time = torch.arange(2 * SECOND) / RATE
    sound = {
        "silence": torch.zeros(2 * SECOND),
        "tone": 0.1 * torch.sin(2 * math.pi * 1000 * time),
        "click": torch.eye(1, 2 * SECOND)[0].roll(SECOND),
        "faint": 1e-7 * white(2 * SECOND)[0],
    }[what][None].requires_grad_()
    found = model(sound)
    assert torch.isfinite(found).all()
    # Correlations and powers of noise in the arithmetic do not grow beyond those of a signal.
    assert float(found.detach().abs().max()) < 1e3
    reference = model(white(2 * SECOND)).detach()
    (gradient,) = torch.autograd.grad((found - reference).square().sum(), sound)
    assert torch.isfinite(gradient).all()


def test_silence_has_no_statistics_but_the_mean(model):
    found = read(model, torch.zeros(1, 2 * SECOND))
    for name in CLASSES:
        if name != "envelope_mean":
            assert float(found[name].abs().max()) < 1e-3, name


def test_the_gradient_is_that_of_the_statistics():
    model = SoundTexture(SECOND).double()
    sound = uneven(SECOND).double().requires_grad_()
    weights = torch.randn(model(sound).shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def score(of: torch.Tensor) -> torch.Tensor:
        return (model(of) * weights).sum()

    (gradient,) = torch.autograd.grad(score(sound), sound)
    step = 1e-6 * torch.randn(sound.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    with torch.no_grad():
        difference = float(score(sound + step) - score(sound - step)) / 2
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=1e-3)


def test_items_do_not_see_one_another(model):
    sounds = torch.cat([uneven(2 * SECOND), white(2 * SECOND, seed=1), white(2 * SECOND, seed=2)])
    together, alone = read(model, sounds), read(model, sounds[1:2])
    for name in CLASSES:
        assert torch.allclose(together[name][1:2], alone[name], rtol=1e-4, atol=1e-5), name


def test_single_precision_is_enough(model):
    sound = uneven(2 * SECOND)
    single, double = read(model, sound), read(network(2 * SECOND).double(), sound.double())
    for name in CLASSES:
        assert float((single[name] - double[name]).norm() / double[name].norm()) < 1e-4, name


def test_the_joined_ends_show_through_less_than_under_the_published_window():
    # Where a recording was cut, its end and its start meet in a step, whose click fills quiet bands.
    time = torch.arange(2 * SECOND) / RATE
    whole, cut = (0.1 * torch.cos(2 * math.pi * hz * time) + 3e-4 * white(2 * SECOND) for hz in (100.0, 100.25))
    differences = {}
    for edge in (0.05, None):
        model = SoundTexture(2 * SECOND, edge=edge)
        one, two = (read(model, each)["modulation_power"].view(32, 20)[24:] for each in (whole, cut))
        differences[edge] = float((one - two).norm() / one.norm())
    assert differences[0.05] < 0.5 < 1.5 < differences[None]


def test_what_it_cannot_measure_is_said():
    with pytest.raises(InputError, match="texture statistics need"):
        SoundTexture(2_000)
    with pytest.raises(InputError, match="expected 0 to a quarter"):
        SoundTexture(2 * SECOND, edge=0.6)
    SoundTexture(SECOND // 2)


def test_classes_in_decibels_and_the_published_rule(model):
    reference = uneven(2 * SECOND)
    close = class_decibels(model, reference + 1e-4 * white(2 * SECOND), reference)
    far = class_decibels(model, white(2 * SECOND), reference)
    assert list(close) == list(STATISTICS)
    with torch.no_grad():
        wanted, found = model(reference)[:, :32], model(white(2 * SECOND))[:, :32]
    assert float(far["subband_variance"]) == pytest.approx(
        10 * math.log10(float(wanted.square().sum() / (found - wanted).square().sum())), abs=1e-3
    )
    assert unmatched({name: float(value) for name, value in close.items()}, below=STOP_DB) == []
    flagged = unmatched({name: float(value) for name, value in far.items()}, below=FLAG_DB)
    assert "envelope_skewness" in flagged
    assert [float(far[name]) for name in flagged] == sorted(float(far[name]) for name in flagged)


@pytest.fixture(scope="module")
def observer() -> Observer:
    input = SoundInput.lasting(1.0, network_rate=RATE)
    return Observer(network(input.network_samples), input=input, name="sound-texture")


def heard(observer: Observer, sounds: torch.Tensor) -> torch.Tensor:
    return observer.preprocess(sounds)


def test_a_match_joined_by_the_worst_bounds_every_class(observer):
    samples = observer.input.samples
    reference, sound = white(samples), white(samples, seed=5) * torch.linspace(0.5, 1.5, samples)
    goal = match(reference, STATISTICS, joined="worst").bind(observer, 1)
    with torch.no_grad():
        score = float(goal(sound, observer.activations(sound, STATISTICS)))
    classes = class_decibels(observer.module, heard(observer, sound), heard(observer, reference))
    worst = min(float(value) for value in classes.values())
    assert worst - 2.5 * math.log10(len(STATISTICS)) <= score <= worst + 1e-4
    with pytest.raises(InputError, match="choose mean or worst"):
        match(reference, STATISTICS, joined="best")


def synthesised(observer: Observer, reference: torch.Tensor, evaluations: int) -> torch.Tensor:
    return (
        Synthesiser(
            observer,
            match(reference, STATISTICS, joined="worst"),
            Spectrogram(observer.input),
            seeds=[1],
            start=shaped_noise(reference, [torch.Generator().manual_seed(1)]),
            optimiser=LBFGS(),
            stopping=Stopping(target=FLAG_DB, evaluations=evaluations),
            file_levels=None,
        )
        .result()
        .stimuli
    )


def test_noise_becomes_the_texture_and_a_seed_the_same_sound(observer):
    reference = torch.nn.functional.interpolate(uneven(RATE)[None], observer.input.samples, mode="linear")[0]
    assert torch.equal(synthesised(observer, reference, 10), synthesised(observer, reference, 10))
    sound = synthesised(observer, reference, 120)
    classes = class_decibels(observer.module, heard(observer, sound), heard(observer, reference))
    assert unmatched({name: float(value) for name, value in classes.items()}) == []
    # It is another sound: the waveform is not that of the reference.
    assert abs(float(torch.corrcoef(torch.cat([sound, reference]))[0, 1])) < 0.2


@pytest.mark.parametrize(("budget", "status"), [(None, "passed"), (3, "failed")])
def test_a_recipe_stops_when_every_class_is_matched_and_flags_those_that_are_not(tmp_path, budget, status):
    try:
        waveform, rate = carried("fire").read()
    except InputError as error:
        pytest.skip(str(error))
    write_wav(tmp_path / "fire.wav", waveform, rate)
    entry = {"name": "t", "kind": "metamer", "reference": "fire.wav", "layers": ["statistics"]}
    recipe = Recipe.from_dict({"observer": {"name": "sound-texture", "duration_s": 1.0}, "stimuli": [entry]}, tmp_path)
    made = make(recipe, tmp_path / "set", budget=budget)
    (row,) = made.table.to_dict("records")
    profile = made.companion("matches.tsv.gz")
    decibels = profile.loc[profile["matched"] == "true"].set_index("layer")["match_db"]
    assert set(decibels.index) == set(STATISTICS)
    assert (row["status"], row["start"], row["converged"]) == (status, "shaped", budget is None)
    if budget is None:
        assert decibels.min() >= STOP_DB
        assert row["evaluations"] < EVALUATIONS
    else:
        assert "matched at less than 20 dB" in row["reason"]
        assert decibels.idxmin() in row["reason"]
