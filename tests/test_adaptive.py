"""Tracks: what they choose by the answers, where they settle, and that a resumed run goes on as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist, fmean, stdev

import pytest

import synthstim
from synthstim.errors import InputError
from synthstim.experiment.design.method import QuestPlusMethod, UpDownMethod, WeightedMethod
from synthstim.experiment.runtime.adaptive import Track, Tracks, read_candidates
from synthstim.experiment.runtime.tables import StreamedTable, read_table
from synthstim.experiment.runtime.trials import TRACK_COLUMNS
from synthstim.experiment.setting import ProtocolPart
from synthstim.recipe import read_yaml, validate

LEVELS = [step / 40 for step in range(41)]
METHODS = {
    "3 down 1 up": UpDownMethod(kind="staircase", over="mix", easier="high", trials=80),
    "1 down 2 up, steps shrink, low is easy": UpDownMethod(
        kind="staircase", over="mix", easier="low", down=1, up=2, steps=(8, 4, 1), initial_rule=False, trials=80
    ),
    "weighted": WeightedMethod(kind="weighted", over="mix", easier="high", times=(4, 1), trials=80),
    "QUEST+ normal": QuestPlusMethod(kind="questplus", over="mix", easier="low", lapses=(0.01, 0.05), trials=30),
    "QUEST+ Weibull": QuestPlusMethod(
        kind="questplus", over="mix", easier="high", function="weibull", start=0.5, trials=30
    ),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def candidates(track: str, levels: list[float], pairs: int = 3) -> list[dict]:
    return [
        {"track": track, "level": level, "pair": f"p{level:g}_{n}", "a": f"a{n}", "b": f"b{n}", "c": "n/a"}
        for level in levels
        for n in range(pairs)
    ]


def track_of(method: object, name: str = "t", levels: list[float] = LEVELS) -> Track:
    return Track(method.rule(levels, 0, 0.5), candidates(name, levels), name)


def tracks_of(method: object, names: tuple[str, ...] = ("t",), participant: int = 1) -> Tracks:
    rule = method.rule(LEVELS, 0, 0.5)
    return Tracks(
        dict.fromkeys(names, rule), [one for name in names for one in candidates(name, LEVELS)], 7, participant
    )


def knowing(
    level: float, *, threshold: float = 0.5, spread: float = 0.12, low: bool = False, lapse: float = 0.02
) -> float:
    """How often an observer of a two-interval task is right."""
    sign = -1 if low else 1
    return 0.5 + (0.5 - lapse) * NormalDist(0, spread).cdf(sign * (level - threshold))


def oracle(method: object, answers: list[bool]) -> list[float]:
    """The levels of a staircase by an implementation of its own; without edges, for answers that stay off them."""
    at, run, turned, direction, chosen = LEVELS.index(method.rule(LEVELS, 0, 0.5)["start"]), 0, 0, 0, []
    harder = -1 if method.easier == "high" else 1
    for right in answers:
        chosen.append(LEVELS[at])
        run = (max(run, 0) + 1) if right else (min(run, 0) - 1)
        weighted = method.kind == "weighted"
        down, up = (1, 1) if weighted or (method.initial_rule and not turned) else (method.down, method.up)
        if run < down and run > -up:
            continue
        times = method.times if weighted else method.steps
        before = turned
        move = harder if right else -harder
        turned += direction not in (0, move)
        step = times[min(before if weighted else turned, len(times) - 1)]
        if weighted:
            step *= method.step_harder if right else method.step_easier
        at = min(max(at + move * step, 0), len(LEVELS) - 1)
        run, direction = 0, move
    return chosen


@pytest.mark.parametrize("name", [name for name in METHODS if "QUEST" not in name])
@pytest.mark.parametrize("seed", range(5))
def test_a_staircase_goes_as_its_rule_says(name: str, seed: int) -> None:
    method, chance = METHODS[name], random.Random(seed)
    track, answers, levels = track_of(method), [], []
    while not track.finished:
        levels.append(track.next()["level"])
        answers.append(chance.random() < knowing(levels[-1], low=method.easier == "low"))
        told = track.answer(answers[-1])
    assert levels == oracle(method, answers)
    assert len(levels) == 80
    assert list(told) == list(TRACK_COLUMNS)


@pytest.mark.parametrize(("down", "right"), [(1, 0.5), (2, 0.5**0.5), (3, 0.5 ** (1 / 3))])
def test_an_up_down_staircase_settles_where_levitt_says(down: int, right: float) -> None:
    # 1 down 1 up would leave a two-interval task: its observer is one that never guesses.
    method = UpDownMethod(kind="staircase", over="mix", easier="high", down=down, trials=400, leave_out=6)
    levels = [step / 80 for step in range(-160, 241)]
    found = []
    for seed in range(40):
        chance, track = random.Random(seed), track_of(method.model_copy(update={"start": (0.75,)}), levels=levels)
        while not track.finished:
            told = track.answer(chance.random() < NormalDist(0.5, 0.12).cdf(track.next()["level"]))
        found.append(told["track_threshold"])
    wanted = NormalDist(0.5, 0.12).inv_cdf(right)
    # The mean of the turns is off by less than a step of 1/80; four standard errors are passed once in 16,000 times.
    assert abs(fmean(found) - wanted) < 1 / 80 + 4 * stdev(found) / len(found) ** 0.5


@pytest.mark.parametrize(("easier", "target"), [(1, 0.5), (3, 0.75), (4, 0.8)])
def test_a_weighted_staircase_settles_at_its_target(easier: int, target: float) -> None:
    levels = [step / 80 for step in range(-400, 481)]
    method = WeightedMethod(kind="weighted", over="mix", easier="high", step_easier=easier, trials=600, start=0.5)
    assert method.target == pytest.approx(target)
    chance, track, right = random.Random(easier), track_of(method, levels=levels), 0
    shown = []
    while not track.finished:
        shown.append(levels.index(track.next()["level"]))
        right += (correct := chance.random() < NormalDist(0.5, 0.12).cdf(levels[shown[-1]]))
        track.answer(correct)
    last = levels.index(track.next()["level"])
    # Nobody needs luck for this: steps to the harder side and to the easier one add up to where it stands.
    assert last - shown[0] == easier * (600 - right) - right
    assert abs(right / 600 - target) <= abs(last - shown[0]) / 600
    assert abs(levels[last] - 0.5) < 1


@pytest.mark.parametrize("function", ["normal", "weibull"])
def test_questplus_finds_the_threshold(function: str) -> None:
    levels, true = [step / 10 for step in range(11)], 0.43
    method = QuestPlusMethod(kind="questplus", over="mix", easier="high", function=function, trials=30)

    def right(level: float) -> float:
        if function == "weibull":
            return 0.5 + 0.48 * (1 - 2.718281828 ** -((level / true) ** 3.5))
        return knowing(level, threshold=true, spread=0.125)

    scores, spreads = [], []
    for seed in range(10):
        chance, track = random.Random(seed), track_of(method, levels=levels)
        while not track.finished:
            told = track.answer(chance.random() < right(track.next()["level"]))
        scores.append((told["track_threshold"] - true) / told["track_threshold_sd"])
        spreads.append(told["track_threshold_sd"])
    # A posterior that says what it knows has scores of mean 0 and variance 1: 10 of them leave each limit once in 10,000 times.
    assert abs(fmean(scores)) < 1.23
    assert 0.33 < stdev(scores) < 1.94
    # From a flat prior over the levels, whose standard deviation is 0.29.
    assert fmean(spreads) < 0.18


@pytest.mark.parametrize("function", [{}, {"function": "weibull", "scale": "dB", "slopes": 3.5}])
def test_questplus_over_levels_that_grow_harder_is_its_mirror_image(function: dict) -> None:
    levels = [-6.0, -3.0, -1.0, 0.0, 2.0, 5.0]
    up, down = (
        track_of(
            QuestPlusMethod(kind="questplus", over="mix", easier=easier, **function),
            levels=[sign * one for one in levels],
        )
        for easier, sign in (("high", 1), ("low", -1))
    )
    for number in range(12):
        assert up.next()["level"] == -down.next()["level"]
        told, mirrored = up.answer(number % 4 != 2), down.answer(number % 4 != 2)
        assert told["track_threshold"] == pytest.approx(-mirrored["track_threshold"])
        assert told["track_threshold_sd"] == pytest.approx(mirrored["track_threshold_sd"])


@every_method
def test_a_resumed_run_chooses_what_an_uninterrupted_one_does(method: object, tmp_path: Path) -> None:
    whole, chance = tracks_of(method), random.Random(3)
    columns = ("trial", "track", "level", "pair", "correct", "status")
    table = StreamedTable(tmp_path / "trials.tsv", columns)
    chosen = []
    for trial in range(25):
        chosen.append(whole.next("t"))
        correct = chance.random() < knowing(chosen[-1]["level"], low=method.easier == "low")
        if trial % 7 == 3:  # a time-out: nothing is learnt, the same comes again
            table.add({"trial": trial, **chosen[-1], "track": "t", "status": "no_response"})
            assert whole.next("t") == chosen[-1]
            continue
        told = whole.answer("t", chosen[-1]["level"], correct)
        table.add({"trial": trial, **chosen[-1], "track": "t", "correct": correct, "status": "answered"})
    table.close()
    rows = read_table(tmp_path / "trials.tsv")
    for end in (1, 11, 24):
        resumed = tracks_of(method)
        resumed.replay(rows[:end])
        for row, one in zip(rows[end:], chosen[end:], strict=True):
            assert resumed.next("t") == one
            if row["correct"] != "n/a":
                resumed.answer("t", one["level"], row["correct"] == "1")
        assert resumed.describe("t") == told


@every_method
def test_tracks_that_take_turns_do_not_disturb_one_another(method: object) -> None:
    together, alone = tracks_of(method, ("t", "u")), {name: tracks_of(method, (name,)) for name in ("t", "u")}
    chance, chosen = random.Random(5), {"t": [], "u": []}
    for turn in range(24):
        name = "tu"[chance.randrange(2)]
        one = together.next(name)
        assert one == alone[name].next(name)
        correct = bool((turn * 7) % 3)
        assert together.answer(name, one["level"], correct) == alone[name].answer(name, one["level"], correct)
        chosen[name].append(one["pair"])
    assert not together.finished("n/a")


def test_pairs_of_a_level_come_in_turn_and_each_participant_has_an_order_of_their_own() -> None:
    method = UpDownMethod(kind="staircase", over="mix", easier="high", trials=12)
    orders = []
    for participant in range(1, 7):
        tracks, order = tracks_of(method, participant=participant), []
        for _ in range(6):
            one = tracks.next("t")
            order.append(one["pair"])
            tracks.answer("t", one["level"], False)  # it stays at the easiest level
        assert sorted(order[:3]) == sorted(order[3:]) == [f"p1_{n}" for n in range(3)]
        orders.append(tuple(order))
    assert len(set(orders)) > 1
    assert tracks_of(method).next("t")["pair"] == orders[0][0]


def test_a_track_ends_after_its_reversals_or_its_trials() -> None:
    method = UpDownMethod(kind="staircase", over="mix", easier="high", down=1, trials=30, reversals=4)
    track, count = track_of(method), 0
    while not track.finished:
        count += 1
        told = track.answer(count % 3 != 0)
    assert told["track_reversals"] == 4
    assert count < 30
    track = track_of(method)
    while not track.finished:
        told = track.answer(True)
    assert (told["track_trials"], told["track_reversals"], told["track_threshold"]) == (30, 0, None)


@pytest.mark.parametrize("change", [{"level": "0.000000"}, {"pair": "p1_9"}])
def test_rows_that_do_not_follow_from_the_rule_are_refused(change: dict) -> None:
    row = {"trial": "0", "track": "t", "level": "1.000000", "pair": "p1_0", "correct": "1"}
    with pytest.raises(SystemExit, match=r"stopped: trial 0 .* the rule chooses"):
        tracks_of(METHODS["3 down 1 up"]).replay([row | change])


def test_an_answer_to_another_level_is_refused() -> None:
    with pytest.raises(ValueError, match="an answer to the level 0 given; t has chosen 1"):
        tracks_of(METHODS["3 down 1 up"]).answer("t", 0.0, True)


@pytest.mark.parametrize("text", ["", "track\tlevel\nt\t1\n", "track\tlevel\tpair\ta\tb\tc\nt\tx\tp\ta\tb\tc\n"])
def test_damaged_candidates_are_refused(text: str, tmp_path: Path) -> None:
    (path := tmp_path / "candidates.tsv").write_text(text)
    if not text:
        path.unlink()
    with pytest.raises(SystemExit, match=r"candidates\.tsv cannot be read"):
        read_candidates(path)


def test_nothing_heavy_is_loaded_before_it_is_used(tmp_path: Path) -> None:
    shutil.copytree(Path(synthstim.__file__).parent / "experiment" / "runtime", tmp_path / "runtime")
    code = "import sys, runtime.adaptive; print({'psychopy', 'numpy', 'questplus', 'synthstim'} & sys.modules.keys())"
    ran = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert ran.stdout == "set()\n"


class Given(ProtocolPart):
    method: synthstim.experiment.design.method.Method


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: staircas, over: mix}", "method.kind: 'staircas' (text) given; expected 'constant', 'staircase', 'weighted' or"),
        ("{kind: staircase, easier: high}", "method.over is missing; expected text"),
        ("{kind: staircase, over: mix}", "method.easier is missing; expected 'high' or 'low'"),
        ("{kind: staircase, over: mix, easier: high, donw: 3}", "method.donw is unknown: did you mean 'down'?"),
        ("{kind: weighted, over: mix, easier: high, trials: 0}", "0 (whole number) given; expected a whole number from 5 to 2000"),
        ("{kind: staircase, over: mix, easier: high, reversals: 2}", "method ends after 2 reversals and leaves out 2"),
        ("{kind: staircase, over: mix, easier: high, start: [0, 1]}", "method starts at 2 levels, with 1 tracks"),
        ("{kind: questplus, over: mix, easier: high, scale: dB}", "method has the scale 'dB', which goes with function 'weibull'"),
        ("{kind: questplus, over: mix, easier: high, lapses: 0}", "given; expected"),
    ],
)  # fmt: skip
def test_a_method_that_cannot_be_is_refused_in_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    (path := tmp_path / "design.yaml").write_text(f"method: {text}\n")
    with pytest.raises(InputError) as error:
        validate(read_yaml(path), Given)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("method", "levels", "said"),
    [
        (METHODS["3 down 1 up"], [1.0], "mix has 1 levels; expected 2 to 1000"),
        (METHODS["QUEST+ normal"], [0.0, 1.0], "mix has 2 levels; expected 3 to 1000"),
        (METHODS["weighted"], LEVELS[:9], "a step of 12 levels; expected at most 8, mix has 9 levels"),
        (METHODS["QUEST+ Weibull"], [0.0, 0.4, 1.0], "the track starts at 0.5; expected a level of mix"),
        (METHODS["QUEST+ Weibull"], [-1.0, 0.5, 1.0], "a Weibull function of mix, whose lowest is below 0"),
        (QuestPlusMethod(kind="questplus", over="mix", easier="high", finer=50), [i / 150 for i in range(200)], "QUEST+ over"),
    ],
)  # fmt: skip
def test_levels_that_a_rule_cannot_go_over_are_refused(method: object, levels: list[float], said: str) -> None:
    with pytest.raises(InputError) as error:
        method.rule(levels, 0, 0.5)
    assert said in str(error.value)
