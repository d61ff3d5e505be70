"""ON and OFF cells: plenoptic's with the same parameters, exact gradients, and what has no contrast."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_fixture import photographs, slopes

from synthstim import InputError, load_model
from synthstim.distortions import eigendistortions
from synthstim.models.seeing.on_off import OnOff

OTHERS = {
    "centre": [0.8, 1.1], "surround": [3.0, 5.0], "luminance": [6.0, 4.0], "contrast": [5.0, 3.0],
    "luminance_gain": [2.0, 0.0], "contrast_gain": [9.0, 4.0],
}  # fmt: skip


def theirs(**settings):
    """Plenoptic's, with the published parameters or others."""
    plenoptic = pytest.importorskip("plenoptic", reason="plenoptic is not installed")

    network = plenoptic.models.OnOff(31, pretrained=True, cache_filt=True)
    named = {
        "centre": network.center_surround.center_std, "surround": network.center_surround.surround_std,
        "luminance": network.luminance.std, "contrast": network.contrast.std,
        "luminance_gain": network.luminance_scalar, "contrast_gain": network.contrast_scalar,
    }  # fmt: skip
    for name, values in settings.items():
        named[name].data = torch.tensor(values)
    return network.requires_grad_(False).eval()


@pytest.mark.parametrize("settings", [{}, OTHERS])
@pytest.mark.parametrize("size", [(64, 48), (16, 17)])
def test_answers_are_plenoptics(settings, size):
    images = photographs("camera coins", size, 1)
    torch.testing.assert_close(OnOff(size, **settings)(images), theirs(**settings)(images), rtol=0, atol=1e-5)


def test_eigendistortions_are_plenoptics():
    plenoptic = pytest.importorskip("plenoptic", reason="plenoptic is not installed")

    size, observer = (16, 16), load_model("on-off", size=(16, 16))
    image = photographs("camera", size, 1)
    other = plenoptic.Eigendistortion(image, theirs())
    other.synthesize(method="exact")
    found = eigendistortions(observer, image, ["rectified"])
    assert found.eigenvalues[0] == pytest.approx(float(other.eigenvalues[0]), rel=1e-3)
    same = float(found.directions[0].flatten() @ other.eigendistortions[0].flatten().double())
    assert abs(same) == pytest.approx(1, abs=1e-3)


def test_it_is_an_observer_by_name_whose_channels_are_on_and_off():
    observer = load_model("on-off", size=(32, 40), settings={"surround": [4, 4]})
    assert {observer.layers[name] for name in observer.stages} == {(2, 32, 40)}
    assert str(observer.axes_of("contrast")) == "channel y x"
    spot = torch.full((1, 1, 32, 40), 0.5)
    spot[..., 16, 20] = 1
    on, off = observer.activations(spot, ["difference"])["difference"][0, :, 16, 20].tolist()
    assert on > 0 > off
    # Light that is dimmed all over changes what is divided by it less than the light itself.
    bright, dim = (observer.activations(light * spot, ["luminance"])["luminance"].std() for light in (1, 0.5))
    assert 0.5 < float(dim / bright) < 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("image", ["black", "flat", "stripe", "half"])
def test_what_hardly_varies_has_finite_answers_and_gradients(image, dtype):
    shown = torch.full((1, 1, 32, 40), 0.0 if image == "black" else 0.5, dtype=dtype)
    if image == "stripe":
        shown[..., 20] = 1
    if image == "half":
        shown[..., 20:] = 0
    answers = OnOff((32, 40)).to(dtype)(shown.requires_grad_())
    (gradient,) = torch.autograd.grad(answers.square().sum(), shown)
    assert torch.isfinite(answers).all()
    assert torch.isfinite(gradient).all()
    if image in ("black", "flat"):
        assert float((answers.detach() - np.log(2)).abs().max()) < 1e-5


def test_gradients_are_right():
    by_gradient, by_differences = slopes(OnOff((16, 18)).double(), (16, 18))
    assert by_gradient == pytest.approx(by_differences, rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"centre": 1.0}, r"centre 1.0 given; expected \[ON, OFF\], two numbers, more than 0"),
        ({"centre": [1.0, 0]}, "more than 0"),
        ({"contrast_gain": [1, -1]}, "contrast_gain .1, -1. given; expected .ON, OFF., two numbers, 0 or more"),
        ({"contrast": [1, float("nan")]}, "more than 0"),
        ({"contrast": ["1", 2]}, "more than 0"),
        ({"kernel": 3}, "the setting 'kernel' of on-off given; expected centre, surround"),
    ],
)
def test_settings_that_cannot_be_are_said(settings, told):
    with pytest.raises(InputError, match=told):
        load_model("on-off", size=(32, 32), settings=settings)


def test_15_pixels_are_too_few():
    with pytest.raises(InputError, match="images of 15 x 40 px given; ON and OFF cells need 16 px or more"):
        load_model("on-off", size=(15, 40))
