"""Sets on disk: what is written is read back, and what must not be there is refused."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import soundfile

from synthstim.errors import InputError
from synthstim.modalities.sound import coding_of, read_sound
from synthstim.stimulus_set import COLUMNS, SetWriter, StimulusSet, adopt, check_ids, safe_id
from synthstim.stimulus_set.columns import columns_of

IMAGE = np.linspace(0, 1, 3 * 8 * 9, dtype=np.float32).reshape(3, 8, 9)


def write(place, **columns):
    writer = SetWriter(place)
    reference, sha256 = writer.add_reference(IMAGE, "a photo")
    writer.add("one", IMAGE, kind="metamer", reference=reference, reference_sha256=sha256, **columns)
    writer.add("two", IMAGE[:1], kind="natural", bits=16)
    writer.commit({"made": "by hand"})
    return place


def test_values_come_back_with_their_types(tmp_path):
    values = {
        "match_db": 31.234567,
        "copy": 3,
        "seed": 2**48 - 1,
        "converged": False,
        "same_class": True,
        "name": "007",
    }
    row = StimulusSet.read(write(tmp_path / "set", **values)).table.iloc[0]
    assert row["match_db"] == pytest.approx(31.23457)
    assert (row["copy"], row["seed"], row["converged"], row["same_class"], row["name"]) == (
        3,
        2**48 - 1,
        False,
        True,
        "007",
    )
    other = StimulusSet.read(tmp_path / "set").table.iloc[1]
    assert all(pd.isna(other[name]) for name in values)
    assert "\tn/a\t" in (tmp_path / "set" / "stimuli.tsv").read_text()
    columns = columns_of(StimulusSet.read(tmp_path / "set").provenance)
    assert json.loads((tmp_path / "set" / "stimuli.json").read_text()).keys() == columns.keys()


def test_pixels_come_back(tmp_path):
    stimuli = StimulusSet.read(write(tmp_path / "set"))
    assert np.abs(stimuli.stimulus("stimuli/one.png") - IMAGE).max() <= 0.5 / 255 + 1e-7
    assert np.abs(stimuli.stimulus("stimuli/two.png") - IMAGE[:1]).max() <= 0.5 / 65535 + 1e-7


def test_references_with_one_stem(tmp_path):
    writer = SetWriter(tmp_path / "set")
    first, again, other = (writer.add_reference(image, "Cat")[0] for image in (IMAGE, IMAGE, 1 - IMAGE))
    lower, digest = writer.add_reference(IMAGE * 0.5, "cat")
    assert first == again == "references/Cat.png"
    assert lower == f"references/cat_{digest[:8]}.png"
    assert len({first.lower(), other.lower(), lower.lower()}) == 3


def test_nothing_is_seen_before_it_is_whole(tmp_path):
    with SetWriter(tmp_path / "set") as writer:
        writer.add("one", IMAGE, kind="natural")
        assert not (tmp_path / "set").exists()
    assert not list(tmp_path.iterdir())
    write(tmp_path / "set")
    with pytest.raises(InputError, match="exists already"):
        SetWriter(tmp_path / "set")


@pytest.mark.parametrize("name", ["", "1a", "a b", "a/b", "ä", "a" * 65, "con", "NUL", "com1", "-a", "a.png", "$x"])
def test_bad_ids(name):
    with pytest.raises(InputError):
        check_ids([name])
    check_ids([safe_id(name)])


def test_ids_are_unique_whatever_the_case():
    with pytest.raises(InputError, match="differ at most in case"):
        check_ids(["Unit", "unit"])


PATHS = [
    "/etc/hostname",
    "../outside.png",
    "stimuli/../../outside.png",
    "C:/x.png",
    "stimuli\\one.png",
    "",
    "nowhere.png",
]


@pytest.mark.parametrize("path", PATHS)
def test_paths_stay_inside(tmp_path, path):
    root = write(tmp_path / "set")
    (tmp_path / "outside.png").write_bytes(b"")
    table = (root / "stimuli.tsv").read_text()
    (root / "stimuli.tsv").write_text(table.replace("stimuli/one.png", path))
    with pytest.raises(InputError):
        StimulusSet.read(root)


def test_links_are_not_followed(tmp_path):
    root = write(tmp_path / "set")
    (root / "stimuli").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", root / "stimuli")
    with pytest.raises(InputError, match="passes through a link"):
        StimulusSet.read(root)


def test_damage_is_named(tmp_path):
    root = write(tmp_path / "set")
    assert StimulusSet.read(root).damaged() == []
    for file in ("stimuli/one.png", "references/a_photo.png"):
        (root / file).write_bytes((root / file).read_bytes() + b" ")
    said = StimulusSet.read(root).damaged()
    assert [line.split()[0] for line in said] == ["stimuli/one.png", "references/a_photo.png"]
    with pytest.raises(InputError, match="and 1 more"):
        StimulusSet.read(root).require_intact()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("provenance.json", "{", "valid JSON"),
        ("provenance.json", "[]", "one JSON object"),
        ("provenance.json", '{"schema_version": 99}', "update it"),
        ("stimuli.tsv", "stimulus_id\tfile\nx\ty\n", "lacks the column"),
        (
            "stimuli.tsv",
            "stimulus_id\tfile\tsha256\tkind\tmatch_db\none\tstimuli/one.png\tx\tnatural\thigh\n",
            "fit its column",
        ),
    ],
)
def test_broken_tables(tmp_path, file, content, said):
    root = write(tmp_path / "set")
    (root / file).write_text(content)
    with pytest.raises(InputError, match=said):
        StimulusSet.read(root)


def test_adopted_images_keep_their_pixels(tmp_path):
    from PIL import Image

    (tmp_path / "mine").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine" / "1 grating.png")
    Image.fromarray(pixels[..., 0]).save(tmp_path / "mine" / "grey.tif")
    (tmp_path / "mine" / "notes.txt").write_text("hello")
    stimuli, left_out = adopt(tmp_path / "mine", tmp_path / "set", kind="control")
    assert left_out == ["notes.txt"]
    assert set(stimuli.table["kind"]) == {"control"}
    assert np.array_equal(np.rint(stimuli.stimulus("stimuli/x1_grating.png") * 255).transpose(1, 2, 0), pixels)
    assert np.array_equal(np.rint(stimuli.stimulus("stimuli/grey.png")[0] * 255), pixels[..., 0])


SOUND = (0.3 * np.sin(np.arange(4410) * 0.05)).astype(np.float32)
# Coding and format of a file -> coding of the WAV file that holds the same samples.
CODED = {
    "word.wav": ("PCM_16", "pcm16"),
    "fine.wav": ("PCM_24", "pcm24"),
    "float.wav": ("FLOAT", "float32"),
    "old.wav": ("PCM_U8", "pcm16"),
    "phone.wav": ("ULAW", "pcm16"),
    "small.flac": ("PCM_16", "pcm16"),
    "finer.flac": ("PCM_24", "pcm24"),
    "loss.ogg": ("VORBIS", "float32"),
    "other.aiff": ("PCM_24", "pcm24"),
}


def test_adopted_sounds_keep_their_samples(tmp_path):
    (tmp_path / "mine").mkdir()
    for name, (subtype, _) in CODED.items():
        soundfile.write(tmp_path / "mine" / name, SOUND, 44_100, subtype=subtype)
    (tmp_path / "mine" / "notes.txt").write_text("hello")
    stimuli, left_out = adopt(tmp_path / "mine", tmp_path / "set", kind="natural")
    assert left_out == ["notes.txt"]
    assert stimuli.modality.name == "sound"
    table = stimuli.table.set_index("stimulus_id")
    assert set(table["kind"]) == {"natural"}
    assert set(table["rate_hz"]) == {44_100}
    for name, (_, coding) in CODED.items():
        stem = name.partition(".")[0]
        given, _ = read_sound(tmp_path / "mine" / name)
        assert np.array_equal(stimuli.stimulus(f"stimuli/{stem}.wav"), given), name
        assert coding_of(stimuli.path(f"stimuli/{stem}.wav")) == coding
        assert stimuli.provenance["sources"][stem]["file"] == name
        rms = 20 * np.log10(np.sqrt((given.astype(np.float64) ** 2).mean()))
        assert table.loc[stem, "level_dbfs"] == pytest.approx(rms, abs=1e-4)
        assert table.loc[stem, "peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(given).max()), abs=1e-4)
        assert table.loc[stem, "duration_s"] == pytest.approx(len(given) / 44_100)
        assert pd.isna(table.loc[stem, "mean_luminance"])


def test_a_channel_of_adopted_sounds_is_chosen(tmp_path):
    from PIL import Image

    (tmp_path / "mine").mkdir()
    both = np.stack([SOUND, 0.25 * SOUND], axis=1)
    soundfile.write(tmp_path / "mine" / "two.wav", both, 44_100, subtype="PCM_16")
    kept = soundfile.read(tmp_path / "mine" / "two.wav", dtype="float32")[0]
    with pytest.raises(InputError, match=r"two.wav has 2 channels; .*--channel of adopt"):
        adopt(tmp_path / "mine", tmp_path / "none")
    for channel, values, coding in (
        ("left", kept[:, 0], "pcm16"), ("right", kept[:, 1], "pcm16"), ("mean", kept.mean(1), "float32")
    ):  # fmt: skip
        stimuli, _ = adopt(tmp_path / "mine", tmp_path / channel, channel=channel)
        assert np.array_equal(stimuli.stimulus("stimuli/two.wav"), values)
        assert coding_of(stimuli.path("stimuli/two.wav")) == coding
        assert stimuli.provenance["channel"] == channel
    with pytest.raises(InputError, match="'middle' is unknown"):
        adopt(tmp_path / "mine", tmp_path / "none", channel="middle")
    Image.fromarray(np.full((8, 8), 99, np.uint8)).save(tmp_path / "mine" / "grey.png")
    (tmp_path / "mine" / "two.wav").unlink()
    with pytest.raises(InputError, match=r"channel left given, and .*mine holds images: leave it out"):
        adopt(tmp_path / "mine", tmp_path / "none", channel="left")
    assert not (tmp_path / "none").exists()


def test_what_is_said_of_many_adopted_images_is_said_once(tmp_path):
    from PIL import Image

    (tmp_path / "mine").mkdir()
    dark = np.full((8, 8), 4000, np.uint16)
    for number in range(4):
        Image.fromarray(dark + number % 2).save(tmp_path / "mine" / f"shot {number}.png")
    with pytest.warns(UserWarning, match="it is nearly black") as told:
        adopt(tmp_path / "mine", tmp_path / "set")
    said = [str(one.message) for one in told]
    assert len(said) == 2
    assert all(one.endswith(f"(1 more like it in {tmp_path / 'mine'})") for one in said)


def test_sounds_that_are_no_set(tmp_path):
    (tmp_path / "mine").mkdir()
    soundfile.write(tmp_path / "mine" / "one.wav", SOUND, 44_100)

    def refused(said):
        with pytest.raises(InputError, match=said):
            adopt(tmp_path / "mine", tmp_path / "set")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"], "nothing is left behind"

    soundfile.write(tmp_path / "mine" / "two.wav", SOUND, 48_000)
    refused("one.wav is at 44100 Hz and two.wav at 48000 Hz: a set is played at one rate")
    soundfile.write(tmp_path / "mine" / "two.wav", np.stack([SOUND, SOUND], 1), 44_100)
    refused("two.wav has 2 channels; expected a mono sound")
    soundfile.write(tmp_path / "mine" / "two.wav", 4 * SOUND, 44_100, subtype="FLOAT")
    refused("two.wav would clip: .* a gain of -1.6 dB would fit")
    (tmp_path / "mine" / "two.wav").write_text("hello")
    refused("two.wav cannot be read as a sound")
    (tmp_path / "mine" / "two.wav").rename(tmp_path / "mine" / "two.png")
    refused("holds images and sounds .*one.wav.*: a set has one of them, split them into two folders")
    for path in (tmp_path / "mine").iterdir():
        path.unlink()
    refused(r"holds no image.* or sound; expected .png, .*, .wav")


def test_further_tables_keep_text_as_text(tmp_path):
    writer = SetWriter(tmp_path / "set", description="Grüße, 神経")
    writer.add("one", IMAGE, kind="controller", name="größe\u2009µ")
    where = {"unit": ["007", "1e5"], "layer": ["1", "2"]}
    writer.add_rows(
        "pool_activations.tsv.gz", pd.DataFrame({**where, "percentile": [0.5, 1], "activation": [2.0, np.nan]})
    )
    writer.commit({"made": "by hand"})
    stimuli = StimulusSet.read(tmp_path / "set")
    table = stimuli.companion("pool_activations.tsv.gz")
    assert table["unit"].tolist() == ["007", "1e5"]
    assert table["layer"].tolist() == ["1", "2"]
    assert table["percentile"].tolist() == [0.5, 1.0]
    assert np.isnan(table["activation"][1])
    assert stimuli.table["name"][0] == "größe\u2009µ"
    empty = stimuli.companion("null.tsv.gz")
    assert len(empty) == 0
    assert list(empty) == ["reference", "layer", "measure", "percentile", "value"]


def test_a_linked_file_is_refused_and_so_are_missing_cells(tmp_path):
    root = write(tmp_path / "set")
    text = (root / "stimuli.tsv").read_text()
    for column, cell in {"stimulus_id": "one\t", "file": "stimuli/one.png", "kind": "metamer"}.items():
        (root / "stimuli.tsv").write_text(text.replace(cell, "n/a\t" if cell.endswith("\t") else "n/a", 1))
        with pytest.raises(InputError, match=f"row 1 has no {column}"):
            StimulusSet.read(root)
    (root / "stimuli.tsv").write_text(text.replace("stimuli/one.png", "stimuli/" + "x" * 300))
    with pytest.raises(InputError, match="is missing from set"):
        StimulusSet.read(root)
    (root / "stimuli.tsv").write_text(text)
    (root / "stimuli" / "one.png").rename(tmp_path / "one.png")
    (root / "stimuli" / "one.png").symlink_to(tmp_path / "one.png")
    with pytest.raises(InputError, match="passes through a link"):
        StimulusSet.read(root)


def test_damage_cannot_hide_behind_a_second_row(tmp_path):
    root = write(tmp_path / "set")
    (root / "stimuli" / "one.png").write_bytes((root / "stimuli" / "two.png").read_bytes())
    header, one, two = (root / "stimuli.tsv").read_text().splitlines()
    twin = two.replace("two\t", "twin\t", 1).replace("stimuli/two.png", "stimuli/one.png")
    (root / "stimuli.tsv").write_text("\n".join([header, one, two, twin, ""]))
    assert [line.split()[0] for line in StimulusSet.read(root).damaged()] == ["stimuli/one.png"]
    # A reference whose checksum was taken out is not intact.
    cells = one.split("\t")
    cells[list(COLUMNS).index("reference_sha256")] = "n/a"
    (root / "stimuli.tsv").write_text("\n".join([header, "\t".join(cells), two, ""]))
    assert "references/a_photo.png" in " ".join(StimulusSet.read(root).damaged())


def test_a_writer_refuses_ids_that_differ_only_in_case(tmp_path):
    with SetWriter(tmp_path / "set") as writer:
        writer.add("unit", IMAGE, kind="natural")
        for again in ("unit", "Unit"):
            with pytest.raises(InputError, match="differ at most in case"):
                writer.add(again, IMAGE, kind="natural")
        writer.add("unit2", IMAGE, kind="natural")
        assert [row["stimulus_id"] for row in writer.rows] == ["unit", "unit2"]
