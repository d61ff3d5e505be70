"""Laws of every modality, this package's and one that overrides next to nothing; and who may name one."""

import ast
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import synthstim
from synthstim.errors import InputError
from synthstim.modalities import MODALITIES, modality_of_file
from synthstim.modalities.base import Modality, StimulusInput
from synthstim.modalities.image import ImageInput
from synthstim.modalities.movie import MovieInput
from synthstim.modalities.odour import OdourInput
from synthstim.modalities.sound import SoundInput
from synthstim.models import Observer
from synthstim.production import make, pool_of_set
from synthstim.registry import Entry
from synthstim.report import write_report
from synthstim.stimulus_set import StimulusSet, adopt
from synthstim.stimulus_set.columns import columns_of
from synthstim.verify import check_set


@dataclass(frozen=True, kw_only=True)
class ScentInput(StimulusInput):
    """Concentrations that an observer smells."""

    kind: ClassVar[str] = "scent"
    count: int = 6

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count,)


class ScentModality(Modality):
    """A modality that takes every default."""

    name = "scent"
    Input = ScentInput


INPUTS = {
    "image": ImageInput(size=(12, 16)),
    "sound": SoundInput.lasting(0.1, network_rate=16_000),
    "odour": OdourInput(odorants=("hexanol", "geraniol", "limonene", "linalool", "anisole", "cresol")),
    "movie": MovieInput(size=(12, 16), frames=5, frame_rate_hz=30),
    "scent": ScentInput(),
}


@pytest.fixture(autouse=True)
def _plugged(monkeypatch):
    monkeypatch.setitem(MODALITIES.entries, "scent", Entry("scent", "", "a test", ScentModality))
    yield
    MODALITIES._loaded.pop("scent", None)


@pytest.fixture(params=INPUTS)
def input(request) -> StimulusInput:
    return INPUTS[request.param]


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def stimuli(input: StimulusInput, *seeds: int) -> np.ndarray:
    modality = input.modality
    return modality.noise(modality.starts[0], input.shape, generators(*seeds)).float().numpy()


def write_folder(folder: Path, input: StimulusInput, count: int = 5) -> Path:
    folder.mkdir()
    modality = input.modality
    for number, values in enumerate(stimuli(input, *range(count))):
        path = folder / f"one_{number}{modality.suffix}"
        modality.write(path, values, bits=modality.default_bits, **modality.writing(input))
    return folder


def test_all_that_are_registered_are_tested():
    assert set(MODALITIES) <= INPUTS.keys()


def test_noise_is_in_range_and_the_seed_s_alone(input):
    modality = input.modality
    for kind in set(modality.starts) - set(modality.shaped_starts):
        batch = modality.noise(kind, input.shape, generators(1, 2, 3))
        assert batch.shape == (3, *input.shape)
        assert -1 <= batch.min() <= batch.max() <= 1
        assert torch.equal(modality.noise(kind, input.shape, generators(2))[0], batch[1])
        assert not torch.equal(batch[0], batch[1])
    references = modality.noise(modality.starts[0], input.shape, generators(4, 5, 6))
    for kind in modality.shaped_starts:
        batch = modality.shaped(kind, references, generators(1, 2, 3))
        assert batch.shape == (3, *input.shape)
        assert torch.equal(modality.shaped(kind, references[1:2], generators(2))[0], batch[1])
        assert not torch.equal(modality.shaped(kind, references[1:2], generators(9))[0], batch[1])
    with pytest.raises(InputError, match="choose"):
        modality.noise("brown", input.shape, generators(1))


def test_a_file_holds_what_rounding_says(input, tmp_path):
    modality = input.modality
    (values,) = stimuli(input, 1)
    for bits in modality.bits:
        path = tmp_path / f"{bits}{modality.suffix}"
        modality.write(path, values, bits=bits, **modality.writing(input))
        held = modality.read(path)
        assert held.dtype == np.float32
        np.testing.assert_array_equal(held, modality.rounded(values, bits))
        np.testing.assert_array_equal(modality.rounded(held, bits), held)
        assert np.abs(held - values).max() <= 2.0 ** -min(bits - 1, 23)
        assert modality.bits_of(path) in modality.bits
        levels = modality.levels(bits)
        assert levels is None or np.abs(held * levels - np.rint(held * levels)).max() < 1e-2


def test_a_file_is_read_for_an_observer_and_for_none_of_another_modality(input, tmp_path):
    modality = input.modality
    path = write_folder(tmp_path / "files", input, 1) / f"one_0{modality.suffix}"
    read = modality.read_for(path, input, fit=modality.fits[-1])
    assert read.shape == input.shape
    assert read.dtype == np.float32
    for other in INPUTS.values():
        if other is not input:
            with pytest.raises(InputError, match=f"{path.name} is {modality.article} {modality.name}, the observer is"):
                other.modality.read_for(path, other)


def test_statistics_and_distance_are_columns_of_the_table(input, tmp_path):
    modality = input.modality
    columns = columns_of({"modality": modality.name})
    path = write_folder(tmp_path / "files", input, 1) / f"one_0{modality.suffix}"
    found = modality.statistics(path)
    assert all(np.isfinite(value) for value in found.values())
    one, other = stimuli(input, 1, 2)
    compared = modality.between(one, other)
    assert found.keys() | compared.keys() == modality.tolerances.keys() | {modality.distance}
    assert {*compared, *found, *modality.rematched} <= columns.keys()
    assert modality.between(one, one)[modality.distance] == 0 < compared[modality.distance]


def test_an_input_comes_back_from_the_provenance(input):
    facts = json.loads(json.dumps(asdict(input)))
    assert input.modality.input_of(facts) == input
    assert input.modality is MODALITIES[input.kind]


def test_an_input_shows_halves_and_prepares_a_tensor_of_its_own(input):
    assert input.halves().shape == (5, *input.shape)
    assert not torch.equal(input.halves()[0], input.halves()[1])
    given = torch.from_numpy(stimuli(input, 1))
    prepared = input.preparation(torch.device("cpu"), torch.float32)(given)
    assert prepared.data_ptr() != given.data_ptr()
    assert input.given(input.shape) is input
    assert input.unprocessed.shape == input.shape


def test_files_are_known_by_their_suffix(input):
    modality = input.modality
    assert modality.suffix in modality.suffixes
    assert modality_of_file(f"x{modality.suffix.upper()}") is modality
    assert modality_of_file("x.abc") is None


def test_a_folder_is_adopted_and_reported(input, tmp_path):
    folder = write_folder(tmp_path / "files", input)
    adopted, left_out = adopt(folder, tmp_path / "set")
    assert adopted.modality is input.modality
    assert not left_out
    for path in folder.iterdir():
        np.testing.assert_array_equal(adopted.stimulus(f"stimuli/{path.name}"), input.modality.read(path))
    assert not check_set(adopted, None).problems
    assert f"{len(adopted)} natural {input.modality.plural}" in write_report(adopted).read_text(encoding="utf-8")


def test_a_modality_of_defaults_goes_from_recipe_to_set_check_and_report(tmp_path):
    input = ScentInput()
    folder = write_folder(tmp_path / "scents", input, 8)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    observer = Observer(network, input=input, name="nose")
    recipe = {
        "pool": str(folder),
        "observer": "nose",
        "stimuli": [
            {"name": "like", "kind": "metamer", "reference": str(folder / "one_0.tsv"), "layers": ["0"], "evaluations": 60},
            {"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "2", "index": 1}, "evaluations": 20},
        ],
    }  # fmt: skip
    made = make(recipe, tmp_path / "set", observer=observer)
    like, up = made.table.to_dict("records")
    assert like["match_db"] > 20
    assert like["distance"] == pytest.approx(
        np.linalg.norm(made.stimulus(like["file"]) - made.stimulus(like["reference"]))
        / np.linalg.norm(made.stimulus(like["reference"])), abs=1e-5
    )  # fmt: skip
    assert up["activation"] > up["best_natural"]
    again = StimulusSet.read(made.root)
    pool = pool_of_set(again, observer, folder)
    assert check_set(again, observer, pool=pool).problems == []
    page = write_report(again).read_text(encoding="utf-8")
    assert f"{made.stimulus(up['file'])[0]:.3g}" in page


def test_a_set_of_an_unknown_modality_says_so(tmp_path):
    adopted, _ = adopt(write_folder(tmp_path / "files", INPUTS["image"]), tmp_path / "set")
    path = adopted.root / "provenance.json"
    path.write_text(path.read_text().replace('"modality": "image"', '"modality": "imago"'))
    with pytest.raises(InputError, match="the modality 'imago' is unknown: did you mean 'image'"):
        StimulusSet.read(adopted.root)


# Who may ask what kind of stimulus it is, or say so.
ROOMS = {
    "modalities": "the place for it",
    "models": "networks that see or hear",
    "constraints": "a file for stimuli of one modality each",
    "parametrise": "a file for stimuli of one modality each",
    "experiment/images": "what PsychoPy shows",
    "experiment/sounds": "what PsychoPy plays",
    "experiment/builder": "components of PsychoPy have these names",
    "experiment/rig": "the entry of the speakers is called so",
    "cli/rigs.py": "the entry of the speakers is called so",
    "experiment/runtime": "components of PsychoPy have these names",
    "__init__.py": "public names",
    "ids.py": "the stem of a file without one",
    "responses/arrays.py": "the name of an axis",
    "responses/hdf5.py": "the name of an axis",
}


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and node.value in ("image", "sound", "odour", "movie"):
            yield node.lineno, repr(node.value)
        elif isinstance(node, ast.Name | ast.Attribute | ast.alias):
            name = (
                node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else node.name
            )
            if name in ("ImageInput", "SoundInput", "OdourInput", "MovieInput"):
                yield node.lineno, name


def test_a_modality_is_named_in_few_rooms():
    home = Path(synthstim.__file__).parent
    found = {}
    for path in sorted(home.rglob("*.py")):
        relative = path.relative_to(home).as_posix()
        if not any(relative == room or relative.startswith(f"{room}/") for room in ROOMS) and (
            named := list(names_in(path))
        ):
            found[relative] = named
    assert not found, "ask the object: input.modality, or the set's modality"
