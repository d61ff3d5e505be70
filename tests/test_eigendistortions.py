"""Eigendistortions: those of the Jacobian, those of plenoptic on its own models, and a set along them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_fixture import photograph, photographs, small_network
from torch import nn

from synthstim.distortions import eigendistortions
from synthstim.errors import InputError
from synthstim.modalities.image import read_image, write_png
from synthstim.models import ImageInput, Observer
from synthstim.production import make
from synthstim.recipe import Recipe
from synthstim.verify import check_set

SIZE = (16, 16)


def of_jacobian(observer: Observer, image: torch.Tensor, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Every eigenvalue, the largest first, and the eigenvectors."""
    jacobian = torch.autograd.functional.jacobian(lambda x: observer.activations(x, [layer])[layer].flatten(), image)
    matrix = jacobian.flatten(1)
    values, vectors = np.linalg.eigh((matrix.T @ matrix).numpy())
    return values[::-1], vectors[:, ::-1]


def smooth() -> Observer:
    """More values than pixels, and no two directions alike."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.Conv2d(6, 4, 3, padding=1))
    return Observer(network, input=ImageInput(size=SIZE, channels=1), name="smooth").to(dtype=torch.float64)


@pytest.mark.parametrize("method", ["lanczos", "power"])
def test_directions_are_the_eigenvectors_of_the_jacobian(method):
    observer, image = smooth(), photographs("camera", SIZE, 1).double()
    values, vectors = of_jacobian(observer, image, "output")
    # Power iteration needs as many products as neighbours are close.
    many = 3 if method == "lanczos" else 1
    found = eigendistortions(observer, image, ["output"], most=many, least=many if many > 1 else 0, method=method)
    flat = found.directions.flatten(1).numpy()
    for at, name in enumerate(found.names):
        number = int(name[-1]) if name.startswith("most") else len(values) - 1 - int(name[-1])
        assert found.eigenvalues[at] == pytest.approx(values[number], rel=1e-3, abs=1e-6 * values[0]), name
        if name.startswith("most"):
            assert abs(float(flat[at] @ vectors[:, number])) == pytest.approx(1, abs=1e-3), name
    assert np.allclose(np.linalg.norm(flat, axis=1), 1)


@pytest.mark.parametrize("model", ["OnOff", "LuminanceGainControl"])
def test_they_are_those_of_plenoptic_on_its_own_models(model):
    plenoptic = pytest.importorskip("plenoptic", reason="plenoptic is not installed")

    network = getattr(plenoptic.models, model)((7, 7))
    network.requires_grad_(False).eval()
    image = photographs("camera", SIZE, 1)
    theirs = plenoptic.Eigendistortion(image, network)
    theirs.synthesize(method="exact")
    observer = Observer(network, input=ImageInput(size=SIZE, channels=1), name=model)
    found = eigendistortions(observer, image, ["output"])
    values = theirs.eigenvalues
    assert found.eigenvalues[0] == pytest.approx(float(values[0]), rel=1e-3)
    assert found.eigenvalues[1] == pytest.approx(float(values[-1]), abs=1e-3 * float(values[0]))
    one, other = found.directions[0].flatten(), theirs.eigendistortions[0].flatten().double()
    assert abs(float(one @ other)) == pytest.approx(1, abs=1e-3)
    # Of the least, directions are close to one another: what counts is that it is noticed as little.
    with torch.no_grad():
        lengths = [
            float((network(image + 1e-2 * least.view_as(image).float()) - network(image)).norm())
            for least in (found.directions[1], theirs.eigendistortions[-1])
        ]
    assert lengths[0] <= 1.05 * lengths[1] + 1e-5


def test_directions_of_equal_eigenvalues_are_of_one_space():
    # The two largest eigenvalues of this model differ by less than a millionth: any mixture of their directions is noticed
    # as much, and which one a program finds says nothing.
    plenoptic = pytest.importorskip("plenoptic", reason="plenoptic is not installed")
    network = plenoptic.models.CenterSurround((7, 7))
    network.requires_grad_(False).eval()
    image = photographs("camera", SIZE, 1)
    theirs = plenoptic.Eigendistortion(image, network)
    theirs.synthesize(method="exact")
    observer = Observer(network, input=ImageInput(size=SIZE, channels=1), name="surround")
    found = eigendistortions(observer, image, ["output"])
    values, vectors = of_jacobian(observer.to(dtype=torch.float64), image.double(), "output")
    assert values[1] > (1 - 1e-6) * values[0]
    assert found.eigenvalues[0] == pytest.approx(float(theirs.eigenvalues[0]), rel=1e-5)
    alike = vectors[:, values > (1 - 1e-3) * values[0]]
    for direction in (found.directions[0], theirs.eigendistortions[0]):
        assert np.linalg.norm(alike.T @ direction.flatten().double().numpy()) == pytest.approx(1, abs=1e-3)
    # Of the least, tolerance is relative to the largest; in truth it is 0.
    assert found.eigenvalues[1] < 1e-4 * found.eigenvalues[0]


def test_a_seed_gives_the_same_and_the_observer_keeps_its_precision():
    observer, image = small_network(1, SIZE, torch.float32), photographs("camera", SIZE, 1)
    one, two = (eigendistortions(observer, image, ["0"], seed=3) for _ in range(2))
    assert torch.equal(one.directions, two.directions)
    assert observer.dtype == torch.float32


def recipe(folder, **given) -> Recipe:
    write_png(folder / "camera.png", 0.25 + 0.5 * photograph("camera", SIZE, 1), bits=16)
    entry = {"name": "e", "kind": "distortion", "goal": "eigendistortion", "reference": "camera.png", "bits": 16}
    entry |= {"layers": ["output"], "amplitudes": [0.01, 0.02]}
    return Recipe.from_dict({"observer": "x", "stimuli": [entry | given]}, folder)


def test_a_set_of_amplitudes_along_them(tmp_path):
    observer = smooth()
    made = make(recipe(tmp_path), tmp_path / "set", observer=observer)
    rows = made.table.to_dict("records")
    assert [(row["direction"], row["amplitude"], row["status"]) for row in rows] == [
        ("most_0", 0.01, "passed"), ("most_0", 0.02, "passed"), ("least_0", 0.01, "passed"), ("least_0", 0.02, "passed")
    ]  # fmt: skip
    for row in rows:
        change = read_image(made.root / row["file"]) - read_image(made.root / row["reference"])
        assert float(np.sqrt(np.square(change).mean())) == pytest.approx(row["amplitude"], rel=1e-2)
    assert rows[0]["match_db"] < rows[2]["match_db"]
    assert not check_set(made, observer).problems


def test_what_eight_bits_do_not_hold_fails(tmp_path):
    made = make(recipe(tmp_path, bits=8, amplitudes=[0.0003], least=0), tmp_path / "set", observer=smooth())
    assert made.table["status"].tolist() == ["failed"]
    assert "less than its bits hold" in made.table["reason"][0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"copies": 2}, "copies goes with what is searched for"),
        ({"most": 0, "least": 0}, "most and least are both 0"),
        ({"amplitudes": [0.01, 0.01]}, "repeats 0.01"),
        ({"amplitudes": []}, "expected a list of root mean square changes"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(given, told, tmp_path):
    with pytest.raises(InputError, match=told):
        recipe(tmp_path, **given)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"method": "guess"}, "choose lanczos or power"),
        ({"most": 0, "least": 0}, "expected 1 to 255 in all"),
        ({"most": 300}, "expected 1 to 255 in all"),
        ({"layers": ["nine"]}, "nine"),
    ],
)
def test_what_cannot_be_is_said(asked, message):
    observer, image = smooth(), photographs("camera", SIZE, 1)
    layers = asked.pop("layers", ["output"])
    with pytest.raises(InputError, match=message):
        eigendistortions(observer, image, layers, **asked)


@pytest.mark.parametrize("method", ["lanczos", "power"])
def test_a_layer_that_does_not_change_has_no_directions(method):
    dead = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    nn.init.constant_(dead[0].weight, 1.0)
    nn.init.constant_(dead[0].bias, -100.0)
    observer = Observer(dead, input=ImageInput(size=SIZE, channels=1), name="dead")
    image = photographs("camera", SIZE, 1)
    with pytest.raises(InputError, match="1 of dead does not change with the stimulus"):
        eigendistortions(observer, image, ["1"], method=method)
    with pytest.raises(InputError, match="2 stimuli given; expected one"):
        eigendistortions(observer, image.repeat(2, 1, 1, 1), ["0"])


def test_an_amplitude_beyond_the_display_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match=r"e, most_0: .*expected more than 0 and at most"):
        make(recipe(tmp_path, amplitudes=[0.5]), tmp_path / "set", observer=smooth())
    assert [path.name for path in tmp_path.iterdir()] == ["camera.png"]
