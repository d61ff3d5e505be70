"""The cochleagram agrees with a plain computation of the published one, in value and in gradient."""

import pytest
import torch
from cochleagram_oracle import PlainCochleagram

from synthstim.errors import InputError
from synthstim.models.hearing.cochleagram import PRESETS, Cochleagram


def sounds_of(samples: int, seed: int = 0) -> torch.Tensor:
    """Noise under a slow envelope, at the level of speech."""
    noise = torch.randn(2, samples, generator=torch.Generator().manual_seed(seed))
    return 0.05 * noise * (0.5 - 0.5 * torch.cos(torch.arange(samples) / samples * 12))


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("compat", [False, True], ids=["", "compat"])
@pytest.mark.parametrize("samples", [40_000, 16_000, 12_347])
def test_feather2023_is_the_published_one(samples, compat):
    ours = Cochleagram.preset("feather2023", samples=samples, compat=compat)
    plain = PlainCochleagram(
        samples, rate=20_000, n=50, low=50, high=10_000, oversampling=4, frame_rate=200, slope_limit=5.0, compat=compat
    )
    sounds = sounds_of(samples)
    weights = torch.randn(1, *ours.shape, generator=torch.Generator().manual_seed(1))
    results = []
    for model in (ours, plain):
        leaf = sounds.clone().requires_grad_()
        out = model(leaf)
        (gradient,) = torch.autograd.grad((out * weights).sum(), leaf)
        results.append((out.detach(), gradient))
    (out, gradient), (wanted, wanted_gradient) = results
    assert out.shape == wanted.shape
    assert relative(out, wanted) < 1e-3
    assert relative(gradient, wanted_gradient) < 1e-2


def test_shape_of_two_seconds():
    assert Cochleagram.preset("feather2023", samples=40_000).shape == (211, 390)
    assert Cochleagram.preset("kell2018", samples=32_000).shape == (256, 256)


@pytest.mark.parametrize("name", PRESETS)
def test_items_are_independent_and_silence_has_a_gradient(name):
    samples = PRESETS[name].rate // 2
    model = Cochleagram.preset(name, samples=samples)
    sounds = sounds_of(samples)
    torch.testing.assert_close(
        model(sounds)[1:], model(sounds[1:]), atol=1e-4 if name == "kell2018" else 1e-6, rtol=1e-4
    )
    leaf = torch.cat([sounds[:1], torch.zeros(1, samples)]).requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf).sum(), leaf)
    assert torch.isfinite(gradient).all()


def test_a_tone_is_loudest_where_it_belongs():
    model = Cochleagram.preset("feather2023", samples=20_000)
    for hertz in (200.0, 1000.0, 4000.0):
        tone = 0.1 * torch.sin(2 * torch.pi * hertz * torch.arange(20_000) / 20_000)[None]
        loudest = int(model(tone)[0].mean(1).argmax())
        assert abs(float(model.centre_frequencies[loudest]) / hertz - 1) < 0.08


def test_sounds_that_are_too_short():
    with pytest.raises(InputError):
        Cochleagram.preset("feather2023", samples=300)
    with pytest.raises(InputError, match="no cochleagram is called 'feather'"):
        Cochleagram.preset("feather", samples=20_000)
