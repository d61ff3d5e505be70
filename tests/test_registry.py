"""Registries: own entries are files, those of plug-ins are found, named and left out as they should be."""

import sys

import pytest
from plugin_fixture import distribution

from synthstim import kinds
from synthstim.errors import InputError
from synthstim.experiment.protocol_folders import Protocols
from synthstim.goals import GOALS
from synthstim.modalities import MODALITIES
from synthstim.registry import HERE, Registry, having, said_of

ALL = [
    *(getattr(kinds, name) for name in dir(kinds) if isinstance(getattr(kinds, name), Registry)),
    GOALS,
    MODALITIES,
    Protocols(),
]
GROUP = "synthstim.constraints"


@pytest.mark.parametrize("registry", ALL, ids=[registry.noun for registry in ALL])
def test_laws_of_every_registry(registry):
    assert registry.names
    assert list(registry) == list(registry.names)
    for name, entry in registry.entries.items():
        assert (entry.name, entry.source) == (name, HERE)
        assert entry.about.strip()
        assert "\n" not in entry.about
        if registry.noun != "model":
            registry.check(registry[name])
    assert dict(registry.usable()).keys() == set(registry.names)
    assert registry.left_out == []
    first = registry.names[0]
    assert first in registry
    with pytest.raises(InputError, match=f"the {registry.noun} '{first}x' is unknown: did you mean .*'{first}'"):
        registry[f"{first}x"]


@pytest.mark.parametrize("name", kinds.PARAMETRISATIONS.names)
def test_options_of_a_parametrisation_call_themselves_as_it_is_called(name):
    offer = kinds.PARAMETRISATIONS[name]
    assert offer.options(kind=name) == offer.options()
    assert offer.modality in MODALITIES
    assert name in MODALITIES[offer.modality].parametrisations


def test_keys_of_constraints_are_each_of_one():
    # Limits of two modalities may share their options.
    options = {limit.options for _, limit in kinds.CONSTRAINTS.usable()}
    keys = [key for one in options for key in one.model_fields]
    assert len(keys) == len(set(keys))
    for modality in MODALITIES:
        own = [limit.options for _, limit in kinds.CONSTRAINTS.usable() if limit.modality == modality]
        assert len(own) == len(set(own))


def fresh() -> Registry:
    return Registry("constraint", "synthstim.constraints", "CONSTRAINT", GROUP, having("options", "make", "modality"))


@pytest.fixture
def plug(tmp_path, monkeypatch):
    """Puts a distribution on the path."""

    def plug(name, named, **files):
        folder = distribution(tmp_path / name, name, {GROUP: named}, **files)
        monkeypatch.syspath_prepend(str(folder))
        for module in files:
            monkeypatch.delitem(sys.modules, module, raising=False)
        return folder

    return plug


GOOD = "class C: options = make = modality = 1\nx = C()\n"


def test_an_entry_of_a_plug_in_is_imported_when_it_is_used(plug):
    plug("good-plug", {"mine": "good_plug:x"}, good_plug=GOOD)
    registry = fresh()
    assert registry.plugged("mine")
    assert registry.entries["mine"].source == "good-plug 1.0"
    assert "good_plug" not in sys.modules
    assert registry["mine"] is registry["mine"]
    assert "good_plug" in sys.modules


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise OSError('no licence')", "no licence"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("x = 3", "a int without 'options'"),
        ("y = 3", "has no attribute 'x'"),
        ("x = (", "never closed"),
    ],
)
def test_a_broken_plug_in_is_named_in_a_sentence(plug, text, said):
    plug("bad-plug", {"bad": "bad_plug:x"}, bad_plug=text)
    plug("good-plug", {"mine": "good_plug:x"}, good_plug=GOOD)
    registry = fresh()
    with pytest.raises(
        InputError, match=r"^the constraint 'bad' of bad-plug 1.0 cannot be used \(.*\): update"
    ) as caught:
        registry["bad"]
    assert said in str(caught.value)
    assert {"mine", "energy"} <= dict(registry.usable()).keys()
    assert "bad" not in dict(registry.usable())


def test_names_are_taken_by_own_entries_and_then_by_the_first(plug):
    plug("a-plug", {"energy": "thief:x", "mine": "a_plug:x"}, a_plug=GOOD, thief="raise SystemExit\n")
    plug("b-plug", {"mine": "b_plug:x"}, b_plug=GOOD)
    registry = fresh()
    assert not registry.plugged("energy")
    assert registry["energy"] is kinds.CONSTRAINTS["energy"]
    assert registry.entries["mine"].source == "a-plug 1.0"
    assert registry.left_out == [
        "the constraint 'energy' of a-plug 1.0 is left out: synthstim has one of that name",
        "the constraint 'mine' of b-plug 1.0 is left out: a-plug 1.0 has one of that name",
    ]


def test_what_a_file_says_of_itself_is_its_first_sentence():
    assert said_of("One thing\nin two lines. And more.\n\nRest.") == "One thing in two lines"
    assert said_of(None) == ""
