"""Plans and protocols: the order of presentations, and what can be set."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthstim.errors import InputError
from synthstim.experiment import list_protocols, protocol, read_protocol
from synthstim.experiment.plan import randomised_blocks


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
    assert (protocol.protocols_folder() / name / "README.md.j2").is_file()
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
        ({"on_ms": "fast"}, "wanted a number from 1 to 60000 ms"),
        ({"on_ms": "nan"}, "wanted a number"),
        ({"on_ms": None}, "wanted a number"),
        ({"blocks": 2.5}, "wanted a whole number"),
        ({"blocks": True}, "wanted a whole number"),
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
    ],
)
def test_a_protocol_that_contradicts_itself_is_refused(
    path: tuple[str | int, ...], value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = protocol.protocols_folder() / "passive_fixation" / "protocol.yaml"
    content = yaml.safe_load(source.read_text(encoding="utf-8"))
    inner: Any = content
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    (tmp_path / "passive_fixation").mkdir()
    (tmp_path / "passive_fixation" / "protocol.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(protocol, "protocols_folder", lambda: tmp_path)
    with pytest.raises(InputError):
        read_protocol("passive_fixation")
