"""Who hears what: balance over participants, orders, catch trials and rests; and which sources are kept for what."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from experiment_sounds import STAGES, WORDS, make_sounds

from synthstim.errors import InputError
from synthstim.experiment.sounds.balance import balanced_conditions, order_of, rests_before, with_catch
from synthstim.experiment.sounds.labels import Label
from synthstim.experiment.sounds.roles import Roles, assign_roles
from synthstim.experiment.sounds.sound_set import SoundSet, read_sound_set
from synthstim.stimulus_set import StimulusSet

SIZES = [(2, 2, 2), (9, 4, 8), (12, 4, 20), (7, 5, 13), (200, 10, 20), (3, 9, 18), (50, 3, 4)]


@pytest.mark.parametrize(("sources", "conditions", "participants"), SIZES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_group_of_participants_is_a_latin_square(
    sources: int, conditions: int, participants: int, seed: int
) -> None:
    plan = balanced_conditions(sources, conditions, participants=participants, seed=seed)
    assert len(plan) == participants
    for start in range(0, participants - conditions + 1, conditions):
        for source in range(sources):
            heard = [plan[start + turn][source] for turn in range(conditions)]
            assert sorted(heard) == list(range(conditions))


@pytest.mark.parametrize(("sources", "conditions", "participants"), SIZES)
def test_each_participant_hears_the_conditions_equally_often(sources: int, conditions: int, participants: int) -> None:
    for assigned in balanced_conditions(sources, conditions, participants=participants, seed=5):
        counts = Counter(assigned)
        assert len(assigned) == sources
        assert max(counts.values()) - min(counts[condition] for condition in range(conditions)) <= 1


def test_sources_do_not_always_go_together() -> None:
    plan = balanced_conditions(20, 4, participants=40, seed=1)
    together = [sum(assigned[a] == assigned[b] for assigned in plan) for a in range(20) for b in range(a)]
    # By chance a quarter of 40, or a little less; in one fixed square some pairs would share all 40.
    assert max(together) < 40


def test_the_seed_decides() -> None:
    first = balanced_conditions(20, 4, participants=8, seed=1)
    assert first == balanced_conditions(20, 4, participants=8, seed=1)
    assert first != balanced_conditions(20, 4, participants=8, seed=2)
    # More participants go on where fewer stopped.
    assert balanced_conditions(20, 4, participants=12, seed=1)[:8] == first
    assert order_of(3, 30, seed=1) == order_of(3, 30, seed=1) != order_of(4, 30, seed=1)


@pytest.mark.parametrize(("items", "catch"), [(9, 1), (20, 4), (200, 20), (5, 0), (2, 2), (3, 5)])
def test_catch_trials_are_spread_and_never_first(items: int, catch: int) -> None:
    for participant in range(1, 30):
        mixed = with_catch(range(items), catch, participant=participant, seed=0)
        assert [item for is_catch, item in mixed if not is_catch] == list(range(items))
        assert sorted(item for is_catch, item in mixed if is_catch) == list(range(catch))
        assert not mixed[0][0]
        if 0 < catch <= items / 4:
            places = [number for number, (is_catch, _) in enumerate(mixed) if is_catch]
            for stretch, place in enumerate(places):
                assert stretch * items // catch <= place - stretch <= (stretch + 1) * items // catch + 1


def test_rests_come_at_the_quarters() -> None:
    assert rests_before(200) == {50, 100, 150}
    assert rests_before(10) == {2, 5, 8}
    assert rests_before(4) == set()


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> SoundSet:
    folder = tmp_path_factory.mktemp("sounds") / "set"
    made = make_sounds(folder, failed=[("monkey", "final")], missing=[("carpet", "relu0")])
    return read_sound_set(StimulusSet.read(made), include="passed")


def share_out(sounds: SoundSet, given: dict[str, str] | None = None, **settings: object) -> Roles:
    values = {"seed": 0, "missing": "leave_out_source", "demo_trials": None, "catch_trials": None} | settings
    return assign_roles(sounds, {word: Label(word, (given or {}).get(word, "")) for word in WORDS}, values)


def test_conditions_are_the_recording_and_the_stages(sounds: SoundSet) -> None:
    assert [condition.condition for condition in sounds.conditions] == ["natural", *STAGES]
    assert [(condition.observer, condition.layer) for condition in sounds.conditions[:2]] == [(None, None), ("small", "relu0")]  # fmt: skip
    assert list(sounds.recordings) == list(WORDS)


def test_what_is_missing_or_failed_is_told_with_the_reason(sounds: SoundSet) -> None:
    told = {(missing.source, missing.condition): missing.reason for missing in sounds.left_out}
    assert told == {
        ("monkey", "final"): "failed its check: match_db 3 is under 20",
        ("carpet", "relu0"): "the set has no such metamer",
    }


@pytest.mark.parametrize("seed", range(5))
def test_incomplete_sources_serve_where_they_can(sounds: SoundSet, seed: int) -> None:
    roles = share_out(sounds, seed=seed)
    assert (len(roles.catch), len(roles.demo), len(roles.main)) == (1, 2, 9)
    assert {"monkey", "carpet"} <= {*roles.catch, *roles.demo}
    assert len({*roles.main, *roles.demo, *roles.catch}) == 12


def test_incomplete_sources_are_otherwise_left_out_or_kept(sounds: SoundSet) -> None:
    none = {"demo_trials": 0, "catch_trials": 0}
    assert set(share_out(sounds, **none).main) == {*WORDS} - {"monkey", "carpet"}
    assert share_out(sounds, **none, missing="leave_out_trial").main == WORDS


def test_roles_come_first(sounds: SoundSet) -> None:
    roles = share_out(sounds, {"garden": "catch", "window": "demo", "bottle": "main", "rocket": "catch"})
    assert (roles.catch, roles.demo) == (("garden", "rocket"), ("window",))
    assert "bottle" in roles.main
    with pytest.raises(InputError, match="asked for twice"):
        share_out(sounds, {"garden": "catch"}, catch_trials=3)


def test_too_few_sources_are_refused(sounds: SoundSet) -> None:
    with pytest.raises(InputError, match="1 remain for the main part"):
        share_out(sounds, demo_trials=6, catch_trials=5)


def test_several_observers_and_copies(tmp_path: Path) -> None:
    made = make_sounds(tmp_path / "set", WORDS[:2], stages=("relu0",), observers=("a", "b"), copies=2)
    sounds = read_sound_set(StimulusSet.read(made), include="passed")
    assert [condition.condition for condition in sounds.conditions] == ["natural", "a:relu0", "b:relu0"]
    assert sounds.recordings["garden"]["b:relu0"].stimulus_id == "garden_b_relu0_0"
    assert sounds.unused == 4


def test_a_second_copy_serves_where_the_first_failed(tmp_path: Path) -> None:
    made = make_sounds(tmp_path / "set", WORDS[:2], stages=("relu0",), copies=2)
    table = (made / "stimuli.tsv").read_text(encoding="utf-8").split("\n")
    row = next(number for number, line in enumerate(table) if line.startswith("garden_small_relu0_0"))
    table[row] = table[row].replace("\tpassed\t", "\tfailed\t")
    (made / "stimuli.tsv").write_text("\n".join(table), encoding="utf-8")
    stimuli = StimulusSet.read(made)
    assert read_sound_set(stimuli, include="passed").recordings["garden"]["relu0"].stimulus_id == "garden_small_relu0_1"
    assert read_sound_set(stimuli, include="all").recordings["garden"]["relu0"].stimulus_id == "garden_small_relu0_0"
