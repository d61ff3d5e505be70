"""Plans and protocols: the order of presentations, and what can be set."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthstim.errors import InputError
from synthstim.experiment import list_protocols, protocol_reading, read_protocol
from synthstim.experiment.images.orders import randomised_blocks
from synthstim.experiment.texts import fill_texts


@pytest.mark.parametrize(("items", "blocks", "repeats"), [(1, 3, 2), (2, 5, 3), (7, 4, 1), (30, 3, 2)])
def test_each_block_shows_every_item_equally_often(items: int, blocks: int, repeats: int) -> None:
    orders = randomised_blocks(items, blocks=blocks, repeats=repeats, seed=3)
    assert len(orders) == blocks
    assert all(Counter(order) == {item: repeats for item in range(items)} for order in orders)


def test_no_item_follows_itself() -> None:
    for seed in range(20):
        flat = [item for order in randomised_blocks(3, blocks=10, repeats=3, seed=seed) for item in order]
        assert all(a != b for a, b in itertools.pairwise(flat))


def test_the_seed_decides_the_order() -> None:
    assert randomised_blocks(20, blocks=2, seed=1) == randomised_blocks(20, blocks=2, seed=1)
    assert randomised_blocks(20, blocks=2, seed=1) != randomised_blocks(20, blocks=2, seed=2)
    first, second = randomised_blocks(20, blocks=2, seed=1)
    assert first != second


def test_too_long_a_plan_is_refused() -> None:
    with pytest.raises(InputError, match="presentations"):
        randomised_blocks(1000, blocks=1000, repeats=10)


@pytest.mark.parametrize("name", list_protocols())
def test_every_protocol_is_whole(name: str) -> None:
    chosen = read_protocol(name)
    assert chosen.resolve({}) == {key: setting.default for key, setting in chosen.settings.items()}
    assert chosen.title
    assert chosen.summary
    for setting in chosen.settings.values():
        assert setting.help


def test_settings_are_typed_from_text_and_from_values() -> None:
    chosen = read_protocol("passive_fixation")
    text = chosen.resolve({"on_ms": "50", "blocks": "3", "fixation": "no", "x_deg": "-2.5", "size_deg": "none"})
    values = chosen.resolve({"on_ms": 50, "blocks": 3, "fixation": False, "x_deg": -2.5, "size_deg": None})
    assert text == values
    assert isinstance(text["blocks"], int)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"on": 3}, "did you mean 'on_ms'"),
        ({"on_ms": "fast"}, "expected a number from 1 to 60000 ms"),
        ({"on_ms": "nan"}, "expected a number"),
        ({"on_ms": None}, "expected a number"),
        ({"blocks": 2.5}, "expected a whole number"),
        ({"blocks": True}, "expected a whole number"),
        ({"background": 1.5}, "from 0 to 1"),
        ({"size": "big"}, "one of native, size_deg"),
        ({"fixation": "maybe"}, "true or false"),
    ],
)
def test_wrong_settings_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        read_protocol("passive_fixation").resolve(given)
    assert said in str(error.value)


def test_unknown_protocols_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'passive_fixation'"):
        read_protocol("pasive_fixation")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("flow", 0, "routine"), "nowhere"),
        (("flow", 0, "when"), "no_such_flag"),
        (("routines", "lead", "marker"), "no_such_marker"),
        (("routines", "trial", "pieces", 0, "frames"), ["x_deg"]),
        (("routines", "trial", "pieces", 0, "name"), "blank"),
        (("routines", "trial", "pieces", 0, "name"), "trial"),
        (("routines", "trial", "pieces", 0, "name"), "os.system('ls')"),
        (("routines", "start", "pieces", 1, "keys"), ["space', __import__('os')"]),
        (("routines", "start", "pieces", 0, "text"), "no_such_text"),
        (("routines", "start", "pieces", 1, "keys"), []),
    ],
)
def test_a_protocol_that_contradicts_itself_is_refused(
    path: tuple[str | int, ...], value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = protocol_reading.protocols_folder() / "passive_fixation" / "protocol.yaml"
    content = yaml.safe_load(source.read_text(encoding="utf-8"))
    inner: Any = content
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    (tmp_path / "passive_fixation").mkdir()
    (tmp_path / "passive_fixation" / "protocol.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(protocol_reading, "protocols_folder", lambda: tmp_path)
    with pytest.raises(InputError):
        read_protocol("passive_fixation")


def changed_protocol(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None]) -> None:
    """Put a protocol into a folder of protocols of its own, changed."""
    here = protocol_reading.protocols_folder()
    content = yaml.safe_load((here / name / "protocol.yaml").read_text(encoding="utf-8"))
    change(content)
    for shared in ("settings.yaml", "parts.yaml"):
        shutil.copy(here / shared, folder)
    (folder / name).mkdir()
    (folder / name / "protocol.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(protocol_reading, "protocols_folder", lambda: folder)


def piece(routine: str, *, first: bool = False, **fields: Any) -> Callable[[Any], None]:
    """A change that adds a piece to a routine."""

    def change(content: Any) -> None:
        pieces = content["routines"][routine]["pieces"]
        pieces.insert(0 if first else len(pieces), {"name": "another", **fields})

    return change


def twice(content: Any) -> None:
    content["flow"][1]["each"][2]["each"].append({"routine": "trial"})


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("passive_fixation", piece("trial", piece="image"), "2 pieces that take the trial's stimulus, 'image' and 'another'"),
        ("passive_fixation", piece("trial", piece="image", first=True, frames=["off_ms"]), "a trial has one item"),
        ("passive_fixation", twice, "a trial has one item"),
        ("passive_fixation", piece("lead", piece="image"), "outside the loop of trials"),
        ("passive_fixation", piece("rest", piece="image"), "outside the loop of trials"),
        ("passive_fixation", piece("trial", piece="sound"), "which experiments with images do not have"),
        ("passive_fixation", piece("trial", piece="choice", options={"x": ["x"]}), "which experiments with images do not have"),
        ("passive_fixation", piece("rest", piece="response"), "waits for no key"),
        ("word_listening", piece("listen", piece="sound", slot="heard"), "plays two sounds, 'heard_sound' and 'another'"),
        ("word_listening", piece("listen", piece="sound", plays="level"), "plays two sounds"),
        ("word_listening", piece("answer", piece="sound"), "names no slot: give it one of a trial's: tones, heard"),
        ("oddity", piece("show", piece="image", slot="frist"), "is for the slot 'frist', did you mean 'first'"),
        ("oddity", piece("answer", piece="choice"), "has no options"),
        ("oddity", piece("show", piece="slider", ticks=[1]), "has 1 ticks"),
        ("word_listening", piece("welcome", piece="sound", slot="heard"), "outside the loop of trials"),
        ("word_listening", piece("listen", piece="image"), "which experiments with sounds do not have"),
        ("word_listening", piece("answer", piece="choice", options={"x": ["x"]}), "asks two things, 'word' and 'another'"),
        ("word_listening", piece("rest", piece="key"), "waits for no key"),
        ("word_listening", piece("rest", piece="entry", answers="words"), "lacks shown_in"),
    ],
)  # fmt: skip
def test_pieces_that_would_show_or_play_something_else_are_refused(
    name: str, change: Callable[[Any], None], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_protocol(name, tmp_path, monkeypatch, change)
    with pytest.raises(InputError, match=said) as caught:
        read_protocol(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("passive_fixation", "{n_images} images", "names the figure 'n_images'"),
        ("passive_fixation", "{} images", "names the figure ''"),
        ("passive_fixation", "an open { brace", "a brace too few or too many"),
        ("word_listening", "{{column_9}}", "names the figure 'column_9'"),
        ("word_listening", "{{wrod}}", "names the figure 'wrod': did you mean 'word'"),
        ("word_listening", "{{number} of 8", "a brace too few or too many"),
    ],
)
def test_texts_name_figures_that_there_are(name: str, text: str, said: str) -> None:
    chosen = read_protocol(name)
    facts = {"title": "", "minutes": 1, "n_stimuli": 4, "n_presentations": 4, "rate_hz": 5, "n_trials": 4}
    facts |= {"headphone_trials": 6, "headphone_pass": 5}
    assert fill_texts(chosen, facts).keys() == chosen.texts.keys()
    with pytest.raises(InputError, match=said):
        fill_texts(chosen.model_copy(update={"texts": chosen.texts | {"another": text}}), facts)
