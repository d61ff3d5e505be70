"""The exported listening experiments: their sounds, scripts, orders and README, and what is refused."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from experiment_fixture import RIG, make_set, write_rig
from experiment_sounds import RATE, STAGES, WORDS, make_sounds, sound

from synthstim.analysis import read_study
from synthstim.errors import InputError
from synthstim.experiment import export_experiment, read_protocol
from synthstim.experiment.runtime.answers import is_right
from synthstim.experiment.runtime.texts import read_texts
from synthstim.experiment.runtime.trials import trial_columns
from synthstim.experiment.sounds.labels import Label
from synthstim.experiment.sounds.tones import headphone_tones, level_noise
from synthstim.files import sha256_of
from synthstim.stimulus_set import SetWriter, StimulusSet

COLUMNS = list(trial_columns(("source", "observer", "layer"), ("tones", "heard")))
HOSTILE = "$(__import__('os').system('touch PWNED'))"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "words"
    return make_sounds(folder, failed=[("monkey", "final")], missing=[("carpet", "relu0")])


@pytest.fixture(scope="module")
def exported(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_experiment(sounds, "word_listening", out=tmp_path_factory.mktemp("exported") / "test")


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_experiment(None, "headphone_check", out=tmp_path_factory.mktemp("exported") / "check")


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))


def plan(folder: Path, participant: int) -> list[dict[str, str]]:
    with open(folder / "plan.tsv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [row for row in rows if row["participant"] == str(participant)]


def played(folder: Path, participant: int, *phases: str) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """What a participant hears in some phases: the entry of the manifest, and the row of the plan."""
    entries = {entry["file"]: entry for entry in manifest(folder)["stimuli"]}
    rows = [row for row in plan(folder, participant) if row["phase"] in phases]
    return [(entries[row["tones" if row["phase"] == "headphone" else "heard"]], row) for row in rows]


def test_the_folders_are_whole(exported: Path, check: Path) -> None:
    shared = {
        "README.md",
        "conditions",
        "manifest.json",
        "markers.tsv",
        "rig.yaml",
        "runtime",
        "settings.json",
        "stimuli",
    }
    shared |= {"plan.tsv", "texts.yaml", "trials.json"}
    assert {path.name for path in exported.iterdir()} == shared | {"word_listening.psyexp", "word_listening.py"}
    assert {path.name for path in check.iterdir()} == shared | {"headphone_check.psyexp", "headphone_check.py"}
    assert len(list((exported / "conditions").iterdir())) == manifest(exported)["participants"] == 20


def test_sounds_are_the_files_of_the_set(exported: Path, sounds: Path) -> None:
    table = StimulusSet.read(sounds).table
    files = dict(zip(table["stimulus_id"], table["file"], strict=True))
    files |= {f"ref_{word}": f"references/{word}.wav" for word in WORDS}
    from_set = [entry for entry in manifest(exported)["stimuli"] if entry["source"]]
    # 36 but one missing, one failed, and the two that are left of the incomplete source kept for a catch trial.
    assert Counter(entry["kind"] for entry in from_set) == {"metamer": 32, "natural": 12}
    for entry in from_set:
        assert (exported / entry["file"]).read_bytes() == (sounds / files[entry["stimulus_id"]]).read_bytes()
        assert entry["sha256"] == entry["source_sha256"]
        assert entry["rate_hz"] == RATE


def test_every_sound_is_listed_with_its_checksum(exported: Path) -> None:
    entries = manifest(exported)["stimuli"]
    assert {entry["file"] for entry in entries} == {f"stimuli/{path.name}" for path in (exported / "stimuli").iterdir()}
    for entry in entries:
        assert sha256_of(exported / entry["file"]) == entry["sha256"]
        assert soundfile.info(exported / entry["file"]).samplerate == manifest(exported)["rate_hz"]
        assert soundfile.info(exported / entry["file"]).duration == pytest.approx(entry["duration_s"], abs=1e-6)


@pytest.mark.parametrize("name", ["word_listening", "headphone_check"])
def test_no_script_puts_a_window_on_sounds(name: str, exported: Path, check: Path) -> None:
    folder = exported if name == "word_listening" else check
    for path in (folder / f"{name}.py", folder / f"{name}.psyexp"):
        text = path.read_text(encoding="utf-8")
        assert "hamming" not in text.lower()
        assert "sound.Sound(" not in text
    player = (folder / "runtime" / "player.py").read_text(encoding="utf-8")
    assert "hamming=False, blockSize=BLOCK" in player
    assert "BLOCK = 1024" in player
    assert "setVolume" not in player


# PsychoPy leaves files of its own open.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_builder_opens_the_file_and_compiles_the_same_script(exported: Path) -> None:
    from psychopy.experiment import Experiment

    experiment = Experiment.fromFile(str(exported / "word_listening.psyexp"))
    again = experiment.writeScript(expPath="word_listening.py", target="PsychoPy")

    def undated(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("    on ")]

    assert undated(again) == undated((exported / "word_listening.py").read_text(encoding="utf-8"))
    assert list(experiment.routines)[:3] == ["opening", "who", "welcome"]


@pytest.mark.parametrize("name", ["word_listening", "headphone_check"])
def test_texts_name_the_trial_that_they_belong_to(name: str) -> None:
    found = 0
    for routine in read_protocol(name).routines.values():
        pieces = [piece.piece for piece in routine.pieces]
        if any(piece.piece == "sound" and not piece.plays for piece in routine.pieces):
            assert {"sound", "text"} <= set(pieces)
            found += 1
    assert found >= 1


def test_the_check_is_the_same_in_both(exported: Path, check: Path) -> None:
    def routines(folder: Path) -> dict[str, str]:
        tree = ElementTree.parse(next(folder.glob("*.psyexp")))
        return {
            str(made.get("name")): ElementTree.tostring(made, encoding="unicode").strip()
            for made in tree.iter("Routine")
        }

    alone, within = routines(check), routines(exported)
    shared = {name for name in alone if name.startswith("headphone")} | {"volume", "set_level", "who"}
    assert len(shared) == 7
    assert all(alone[name] == within[name] for name in shared)
    for order in headphone_tones(RATE, -26.0):
        assert f"headphone_{order}" in [entry["stimulus_id"] for entry in manifest(exported)["stimuli"]]


def test_each_source_is_heard_once_and_balanced(exported: Path) -> None:
    heard: Counter[tuple[str, str]] = Counter()
    for participant in range(1, 21):
        sources = [entry["source"] for entry, _ in played(exported, participant, "practice", "main", "catch")]
        assert len(sources) == len(set(sources)) == 12
        with open(
            exported / "conditions" / f"participant_{participant:03d}.csv", encoding="utf-8", newline=""
        ) as stream:
            rows = list(csv.DictReader(stream))
        for row, planned in zip(rows, plan(exported, participant), strict=True):
            for slot in ("tones", "heard"):
                assert row[slot] == planned[slot].replace("n/a", "-")
                assert re.fullmatch(r"stimuli/[A-Za-z0-9_-]+\.wav|-", row.pop(slot))
            # PsychoPy evaluates cells that look like more.
            assert all(cell.isdigit() for cell in row.values())
        main = played(exported, participant, "main", "catch")
        assert [int(row["trial"]) for _, row in main] == list(range(10))
        assert sum(row["rest"] == "1" for _, row in main) == 3
        assert [entry["condition"] for entry, row in main if row["phase"] == "catch"] == ["natural"]
        assert all(row["right"] == entry["word"] and row["condition"] == entry["condition"] for entry, row in main)
        heard.update((entry["source"], entry["condition"]) for entry, row in main if row["phase"] == "main")
    # 20 participants are five squares of four conditions.
    assert set(heard.values()) == {5}
    assert len(heard) == 9 * 4


def test_tones_come_in_all_orders_for_everybody(exported: Path) -> None:
    orders = []
    for participant in range(1, 21):
        tones = [entry for entry, _ in played(exported, participant, "headphone")]
        assert len({entry["stimulus_id"] for entry in tones}) == 6
        for entry in tones:
            assert entry["word"] == str(entry["stimulus_id"].removeprefix("headphone_").index("S") + 1)
        orders.append(tuple(entry["stimulus_id"] for entry in tones))
    assert len(set(orders)) > 10


@pytest.mark.parametrize("rate", [44100, 48000])
def test_tones_are_those_of_the_published_check(rate: int) -> None:
    tones = headphone_tones(rate, -26.0)
    second, gap, ramp = rate, rate // 2, rate // 10
    assert len(tones) == 6
    for order, both in tones.items():
        assert both.shape == (3 * second + 2 * gap, 2)
        levels = {}
        for place, kind in enumerate(order):
            start = place * (second + gap)
            left, right = both[start : start + second].T
            assert np.array_equal(right, -left if kind == "A" else left)
            spectrum = np.abs(np.fft.rfft(left))
            # One second: the bins are 1 Hz apart.
            assert spectrum.argmax() == 200
            steady = left[ramp:-ramp]
            levels[kind] = 20 * np.log10(np.sqrt(np.mean(steady**2)))
            # Half way up the ramp the amplitude is half.
            assert np.abs(left[ramp // 2 - 130 : ramp // 2 + 130]).max() == pytest.approx(
                np.abs(steady).max() / 2, rel=0.06
            )
            assert left[0] == 0
            if place < 2:
                assert not both[start + second : start + second + gap].any()
        assert levels["E"] == pytest.approx(-26, abs=0.01)
        assert levels["A"] == pytest.approx(levels["E"])
        assert levels["S"] - levels["E"] == pytest.approx(-6)


@pytest.mark.parametrize("level", [-40.0, -26.0, -16.0, 0.0])
def test_nothing_made_here_clips(level: float) -> None:
    assert all(np.abs(both).max() < 0.9 for both in headphone_tones(RATE, level).values())
    assert np.abs(level_noise(RATE, level)).max() < 0.99


def test_the_level_noise_is_as_loud_as_the_sounds(exported: Path) -> None:
    made = manifest(exported)
    levels = [entry["level_dbfs"] for entry in made["stimuli"] if entry["source"]]
    assert min(levels) <= made["level_dbfs"] <= max(levels)
    noise, _ = soundfile.read(exported / made["fixed"]["level"])
    assert np.array_equal(noise[:, 0], noise[:, 1])
    middle = noise[RATE // 10 : -RATE // 10]
    assert 10 * np.log10(np.mean(middle**2)) == pytest.approx(made["level_dbfs"], abs=0.2)


def test_what_is_missing_is_told(exported: Path) -> None:
    made = manifest(exported)
    assert sorted((entry["source"], entry["condition"]) for entry in made["left_out"]) == [("carpet", "relu0"), ("monkey", "final")]  # fmt: skip
    # Both serve in the demonstration or as catch trials.
    assert made["left_out_sources"] == []
    assert "2 metamers are missing or failed their check" in (exported / "README.md").read_text(encoding="utf-8")


def test_sources_left_out_are_named(sounds: Path, tmp_path: Path) -> None:
    none = {"demo_trials": 0, "catch_trials": 0}
    left_out = export_experiment(sounds, "word_listening", out=tmp_path / "sources", settings=none)
    assert manifest(left_out)["left_out_sources"] == ["monkey", "carpet"]
    text = (left_out / "README.md").read_text(encoding="utf-8")
    assert "2 sources are not heard at all: monkey, carpet" in text
    assert "No catch trials" in text

    trials = export_experiment(
        sounds,
        "word_listening",
        out=tmp_path / "trials",
        settings=none | {"missing": "leave_out_trial", "participants": 4},
    )
    assert manifest(trials)["left_out_sources"] == []
    assert sorted(len(played(trials, n, "main", "catch")) for n in range(1, 5)) in ([11, 11, 12, 12], [10, 12, 12, 12])  # fmt: skip
    assert "hear fewer sounds" in (trials / "README.md").read_text(encoding="utf-8")


def test_failed_metamers_are_played_on_request(sounds: Path, tmp_path: Path) -> None:
    folder = export_experiment(sounds, "word_listening", out=tmp_path / "all", settings={"include": "all"})
    assert "monkey" not in [entry["source"] for entry in manifest(folder)["left_out"]]
    assert [entry["status"] for entry in manifest(folder)["stimuli"]].count("failed") <= 1


def test_labels_and_answers_are_taken(sounds: Path, tmp_path: Path) -> None:
    labels = {word: f"w{number}" for number, word in enumerate(WORDS)}
    (tmp_path / "list.txt").write_text("zebra\napple\n", encoding="utf-8")
    folder = export_experiment(
        sounds, "word_listening", out=tmp_path / "out", labels=labels, answers=tmp_path / "list.txt"
    )
    made = manifest(folder)
    assert made["words"] == sorted([*labels.values(), "apple", "zebra"])
    assert {entry["word"] for entry in made["stimuli"] if entry["source"] == "garden"} == {"w0"}
    assert "holds only the" not in (folder / "README.md").read_text(encoding="utf-8")


def test_the_readmes_speak_to_the_experimenter(exported: Path, check: Path) -> None:
    for folder in (exported, check):
        text = (folder / "README.md").read_text(encoding="utf-8")
        for needed in ("48000 Hz", "Woods", "5 right passes", "Escape", "_started.tsv", "software times"):
            assert needed in text
    assert "holds only the 12 words that are played" in (exported / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_every_column(exported: Path) -> None:
    text = (exported / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| Column of") : text.index("Onsets are software")]
    named = [name.strip() for line in table.splitlines()[2:] if line for name in line.split("|")[1].split(",")]
    assert named == COLUMNS


def test_programs_are_told_every_column(exported: Path) -> None:
    told = json.loads((exported / "trials.json").read_text(encoding="utf-8"))
    assert list(told) == COLUMNS
    assert {name for name, one in told.items() if "Levels" in one} == {"correct", "played", "headphone_passed"}


def test_homophones_may_be_answered_and_are_right(sounds: Path, tmp_path: Path) -> None:
    labels = {word: Label(word) for word in WORDS} | {"garden": Label("flour", also=("flower",))}
    folder = export_experiment(sounds, "word_listening", out=tmp_path / "test", labels=labels)
    assert {"flour", "flower"} <= set(manifest(folder)["words"])
    assert [is_right(word, "flour", manifest(folder)) for word in ("flour", "flower", "window")] == [True, True, False]
    assert read_study(str(folder)).chance == pytest.approx((1 + 1 / 12) / 13)


def test_too_few_for_what_passed_suggests_all(tmp_path: Path) -> None:
    made = make_sounds(tmp_path / "set", WORDS[:4], stages=STAGES[:2], failed=[(word, STAGES[0]) for word in WORDS[:3]])
    with pytest.raises(InputError, match="or include=all, which plays the 3 metamers that failed their check"):
        export_experiment(made, "word_listening", out=tmp_path / "out", settings={"demo_trials": 0, "catch_trials": 0})


def test_every_screen_with_a_question_says_how_to_answer(exported: Path) -> None:
    routine = read_protocol("word_listening").routines["answer"]
    assert "how" in [piece.text for piece in routine.pieces]
    assert "return answers" in read_texts(exported)["how"]
    assert "{resumed}" in read_texts(exported)["welcome"]


def test_the_check_takes_rate_and_level_from_a_set(sounds: Path, tmp_path: Path) -> None:
    folder = export_experiment(
        make_sounds(tmp_path / "set", WORDS[:2], rate=44100), "headphone_check", out=tmp_path / "a"
    )
    assert manifest(folder)["rate_hz"] == 44100
    chosen = {"rate_hz": 22050, "level_dbfs": -30}
    folder = export_experiment(sounds, "headphone_check", out=tmp_path / "b", settings=chosen)
    assert (manifest(folder)["rate_hz"], manifest(folder)["level_dbfs"]) == (22050, -30)
    assert {entry["rate_hz"] for entry in manifest(folder)["stimuli"]} == {22050}
    assert [entry for entry in manifest(folder)["stimuli"] if entry["source"]] == []


def stereo(folder: Path) -> None:
    path = folder / "references" / "garden.wav"
    soundfile.write(path, np.stack([sound(1), sound(1)], 1), RATE, subtype="PCM_24")
    recorded(folder, path)


def other_rate(folder: Path) -> None:
    path = folder / "stimuli" / "garden_small_relu0_0.wav"
    soundfile.write(path, sound(1), 44100, subtype="PCM_24")
    recorded(folder, path)


def no_sound(folder: Path) -> None:
    path = folder / "stimuli" / "garden_small_relu0_0.wav"
    path.write_text("this is text", encoding="utf-8")
    recorded(folder, path)


def recorded(folder: Path, path: Path) -> None:
    """Take the new checksum of a changed file into the table."""
    table = pd.read_csv(folder / "stimuli.tsv", sep="\t", dtype=str, keep_default_na=False)
    relative, digest = f"{path.parent.name}/{path.name}", sha256_of(path)
    table.loc[table["file"] == relative, "sha256"] = digest
    table.loc[table["reference"] == relative, "reference_sha256"] = digest
    table.to_csv(folder / "stimuli.tsv", sep="\t", index=False)


def column(name: str, value: str) -> Any:
    def change(folder: Path) -> None:
        table = pd.read_csv(folder / "stimuli.tsv", sep="\t", dtype=str, keep_default_na=False)
        table[name] = value
        table.to_csv(folder / "stimuli.tsv", sep="\t", index=False)

    return change


def one_source(folder: Path) -> None:
    table = pd.read_csv(folder / "stimuli.tsv", sep="\t", dtype=str, keep_default_na=False)
    table[table["name"] == "garden"].to_csv(folder / "stimuli.tsv", sep="\t", index=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (stereo, "garden.wav has 2 channels"),
        (other_rate, "different rates, "),
        (no_sound, "cannot be read as a sound"),
        (one_source, "has one source, 'garden'"),
        (column("status", "failed"), "no metamer that passed its check"),
        (column("kind", "natural"), "holds no metamers"),
        (column("layer", "n/a"), "names no layer"),
        (column("reference", "n/a"), "names no reference"),
        (column("layer", "natural"), "a layer is called 'natural'"),
        (
            lambda folder: (folder / "stimuli" / "garden_small_relu0_0.wav").write_bytes(b"x"),
            "has changed since it was made",
        ),
    ],
)
def test_sets_that_cannot_be_heard_are_refused(change: Any, said: str, tmp_path: Path) -> None:
    folder = make_sounds(tmp_path / "set", WORDS[:4], stages=STAGES[:1])
    change(folder)
    with pytest.raises(InputError) as error:
        export_experiment(folder, "word_listening", out=tmp_path / "out")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": {"garden": "garden"}}, "no word for the source 'window'"),
        ({"labels": dict.fromkeys(WORDS, "same")}, "both labelled 'same'"),
        ({"labels": "nowhere.tsv"}, "cannot be read"),
        ({"answers": "nowhere.txt"}, "cannot be read"),
        ({"settings": {"participants": 0}}, "expected a whole number from 1 to 999"),
        ({"settings": {"demo_trials": 20}}, "remain for the main part"),
        ({"settings": {"blocks": 3}}, "has no setting 'blocks'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str, sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        export_experiment(sounds, "word_listening", out=tmp_path / "out", **options)
    assert said in str(error.value)
    assert not list(tmp_path.iterdir())


def test_images_and_sounds_do_not_change_places(sounds: Path, tmp_path: Path) -> None:
    images = make_set(tmp_path / "images")
    for protocol in ("word_listening", "headphone_check"):
        with pytest.raises(InputError, match=f"images holds images, {protocol} plays sounds"):
            export_experiment(images, protocol, out=tmp_path / "out")
    with pytest.raises(InputError, match="words holds sounds, passive_fixation shows images"):
        export_experiment(sounds, out=tmp_path / "out")
    with pytest.raises(InputError, match="plays the sounds of a set: give one"):
        export_experiment(None, "word_listening", out=tmp_path / "out")
    with pytest.raises(InputError, match="shows the images of a set: give one"):
        export_experiment(None, out=tmp_path / "out")
    for protocol, source in (("passive_fixation", images), ("headphone_check", None)):
        with pytest.raises(InputError, match="asks for no words"):
            export_experiment(source, protocol, out=tmp_path / "out", labels={})


def test_more_codes_than_a_byte_holds_are_refused(tmp_path: Path) -> None:
    source = make_sounds(tmp_path / "set", [f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(70)])
    rig = write_rig(tmp_path, RIG + "markers: {kind: serial, port: COM3}\n")
    with pytest.raises(InputError, match=r"set markers\.encoding to two_bytes or line"):
        export_experiment(source, "word_listening", out=tmp_path / "out", rig=rig)
    # Without a serial port 793 sounds are no trouble.
    folder = export_experiment(source, "word_listening", out=tmp_path / "out", settings={"participants": 2})
    codes = pd.read_csv(folder / "markers.tsv", sep="\t", keep_default_na=False)["code"]
    assert codes.is_unique


def test_no_text_of_a_set_becomes_code(tmp_path: Path) -> None:
    hostile = [HOSTILE, "{participant.__class__}", "'; import os; x='", "{{ 7 * 7 }}", "`x`<script>"]
    source = make_sounds(tmp_path / "set", WORDS[:6], stages=STAGES[:1])
    table = pd.read_csv(source / "stimuli.tsv", sep="\t", dtype=str, keep_default_na=False)
    for name, text in zip(("layer", "name", "observer", "reason", "status"), hostile, strict=True):
        table[name] = text
    table.loc[0, "layer"] = hostile[4]
    table.to_csv(source / "stimuli.tsv", sep="\t", index=False)
    labels = dict(zip(WORDS, ["{verdict}", "$x", "[a]", "a'b", 'c"d', "e\\f"], strict=False))
    settings = {"missing": "leave_out_trial", "participants": 2}
    folder = export_experiment(source, "word_listening", out=tmp_path / "out", labels=labels, settings=settings)
    fields = [param.get("val", "") for param in ElementTree.parse(folder / "word_listening.psyexp").iter("Param")]
    script = (folder / "word_listening.py").read_text(encoding="utf-8")
    for text in (*hostile, *labels.values(), "PWNED"):
        assert not any(text in field for field in fields if len(text) > 2)
        assert len(text) <= 3 or text not in script
    assert manifest(folder)["conditions"][1]["layer"] in hostile
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "<script>" not in readme.replace("\\<", "")
    assert HOSTILE not in readme


def test_names_of_made_sounds_are_kept_free(tmp_path: Path) -> None:
    writer = SetWriter(tmp_path / "set", modality="sound", rate=RATE)
    for number, name in enumerate(("Level", "other")):
        reference, digest = writer.add_reference(sound(number), name)
        writer.add(name, sound(number + 5), kind="metamer", layer="a", reference=reference, reference_sha256=digest)
    made = writer.commit({})
    with pytest.raises(InputError, match="called 'level'"):
        export_experiment(made, "word_listening", out=tmp_path / "out")


def test_a_hand_made_set_needs_no_modality(tmp_path: Path) -> None:
    made = make_sounds(tmp_path / "set", WORDS[:3], stages=STAGES[:1])
    provenance = json.loads((made / "provenance.json").read_text(encoding="utf-8"))
    del provenance["modality"]
    (made / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    assert export_experiment(made, "word_listening", out=tmp_path / "out").is_dir()
    with pytest.raises(InputError, match="holds sounds"):
        export_experiment(made, out=tmp_path / "images")


def test_a_name_that_psychopy_keeps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthstim.experiment import protocol_reading, readme

    for path in (
        *protocol_reading.protocols_folder().glob("*.yaml"),
        *protocol_reading.protocols_folder().glob("*.j2"),
    ):
        shutil.copy(path, tmp_path)
    content = yaml.safe_load(
        (protocol_reading.protocols_folder() / "headphone_check" / "protocol.yaml").read_text("utf-8")
    )
    content |= {"routines": {"level": {"pieces": [{"piece": "key", "name": "on", "keys": ["space"]}]}}}
    content["flow"].append({"routine": "level"})
    (tmp_path / "headphone_check").mkdir()
    (tmp_path / "headphone_check" / "protocol.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for module in (protocol_reading, readme):
        monkeypatch.setattr(module, "protocols_folder", lambda: tmp_path)
    with pytest.raises(InputError, match="keeps the name 'level' for itself"):
        export_experiment(None, "headphone_check", out=tmp_path / "out")
