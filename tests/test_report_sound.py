"""The page of a set of sounds: what it embeds, what it draws, what it refuses."""

from __future__ import annotations

import base64
import io
import re
import struct

import numpy as np
import pytest
import soundfile
from PIL import Image
from plotly.graph_objects import Figure
from report_fixture import SCRIPT, make_plain_set
from report_sound_fixture import CLASSES, RATE, STAGES, SoundMaker, at_level, make_sound_set, vowel
from test_report import _with_colours, rewrite

from synthstim.errors import InputError
from synthstim.modalities.sound import report as sounds
from synthstim.modalities.sound import write_wav
from synthstim.modalities.sound.report import CODINGS, Sounds
from synthstim.modalities.sound.report.cochleagrams import BANDS, MOST_FRAMES, hear
from synthstim.modalities.sound.report.panels import BOTTOM, LEFT, RIGHT, TOP, WAVE_MIDDLE, make_panel
from synthstim.report import write_report
from synthstim.report.profiles import profiles
from synthstim.report.stages import stages_figure
from synthstim.stimulus_set import SetWriter, StimulusSet


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return make_sound_set(tmp_path_factory.mktemp("report") / "words")


@pytest.fixture(scope="module")
def page(full):
    return write_report(full).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tone():
    time = np.arange(RATE) / RATE
    return at_level(np.sin(2 * np.pi * 1000 * time))


def one_sound(root, waveform, *, rate: int = RATE, bits: int = 24):
    """A set of one natural sound."""
    writer = SetWriter(root, modality="sound", rate=rate)
    writer.add("sound", waveform, bits=bits, kind="natural")
    return writer.commit({})


def embedded(page: str) -> list[bytes]:
    """The bytes that the players hold."""
    return [base64.b64decode(data) for data in re.findall(r'src="data:audio/wav;base64,([^"]+)"', page)]


def test_every_file_is_embedded_byte_for_byte(full, page):
    held = set(embedded(page))
    files = [path for folder in ("stimuli", "references", "best_natural") for path in (full / folder).iterdir()]
    assert len(files) == 11 + 3 + 6
    assert {path.read_bytes() for path in files} == held


def test_the_policy_lets_players_play_and_asks_no_host(page):
    assert "media-src data:" in page
    assert "default-src 'none'" in page.replace("&#39;", "'")
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", own)


def test_a_page_of_images_has_no_player_and_a_page_of_sounds_no_image_words(tmp_path, page):
    images = write_report(make_plain_set(tmp_path / "images", 1)).read_text(encoding="utf-8")
    assert "<audio" not in images
    own = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    seen = re.sub(r'"[^"]*"|<[^>]*>', " ", own)
    assert not re.findall(r"\b(images?|photographs?|pixels?|pictures?)\b", seen)


def test_the_summary_speaks_of_sounds(page):
    for words in ("7 metamers, 2 controllers, 2 natural sounds", "re-measured from the saved 24-bit file", "waveform distance",
                  "different</em> natural recordings", "Controller sounds", "Controllers against the best natural sound"):  # fmt: skip
        assert words in page


def test_the_same_set_gives_the_same_page(full, page, tmp_path):
    assert write_report(full, tmp_path / "again.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(("budget", "coding", "said"), [
    (100_000, CODINGS[1], "16-bit copies"), (50_000, CODINGS[2], "16-bit at 24 kHz copies"), (1, CODINGS[3], "16-bit at 16 kHz copies"),
])  # fmt: skip
def test_a_heavy_set_is_heard_through_smaller_copies(tmp_path, monkeypatch, tone, budget, coding, said):
    monkeypatch.setattr(sounds, "BUDGET_BYTES", budget)
    heavy = one_sound(tmp_path / "heavy", tone)
    (file,) = StimulusSet.read(heavy).table["file"]
    assert f'src="{file}"' in write_report(heavy).read_text(encoding="utf-8")
    html = write_report(heavy, tmp_path / "away.html").read_text(encoding="utf-8")
    assert f"players here hold {said}" in html
    copy, rate = soundfile.read(io.BytesIO(embedded(html)[0]))
    assert (rate, len(copy)) == (coding.rate or RATE, coding.rate or RATE)
    at = tone if rate == RATE else np.sin(2 * np.pi * 1000 * np.arange(rate) / rate) * tone.max()
    inner = slice(rate // 10, -rate // 10)
    assert np.abs(copy[inner] - at[inner]).max() < 1e-3


def test_a_sound_below_the_ceiling_keeps_its_rate_in_copies(tmp_path, monkeypatch):
    monkeypatch.setattr(sounds, "BUDGET_BYTES", 10)
    root = one_sound(tmp_path / "low", vowel("ah")[::6].copy(), rate=8_000)
    html = write_report(root, tmp_path / "away.html").read_text(encoding="utf-8")
    assert soundfile.read(io.BytesIO(embedded(html)[0]))[1] == 8_000


def test_a_tone_lies_at_its_frequency_and_a_click_at_its_time(tone):
    heard = hear(tone, RATE)
    assert BANDS.centre_frequencies[heard.values[:, 20:-20].mean(1).argmax()] == pytest.approx(1000, rel=0.03)
    click = np.zeros(3 * RATE, np.float32)
    click[int(2.2 * RATE)] = 1
    heard = hear(click, RATE)
    at = heard.start + (heard.values[-20:].sum(0).argmax() + 0.5) * (heard.stop - heard.start) / heard.values.shape[1]
    assert at == pytest.approx(2.2, abs=0.01)


@pytest.mark.parametrize(("seconds", "frames"), [(0.0002, 1), (0.02, 4), (1, 200), (2.5, 500), (7.31, 488)])
def test_sounds_of_any_length_are_drawn(seconds, frames):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)
    heard = hear(noise, RATE)
    assert heard.values.shape == (len(BANDS.centre_frequencies), frames)
    assert frames <= MOST_FRAMES
    assert np.isfinite(heard.values).all()
    assert heard.stop == pytest.approx(seconds, abs=0.006)


def test_a_long_sound_does_not_change_where_blocks_meet():
    noise = np.random.default_rng(2).normal(0, 0.05, round(2.4 * 20_000)).astype(np.float32)
    # The same moments, once at a block's border (2 s) and once within a block.
    there, within = hear(noise, 20_000).values[:, 380:420], hear(noise[10_000:], 20_000).values[:, 280:320]
    assert np.abs(there - within).max() < 0.02 * there.max()


def test_a_family_is_drawn_on_one_scale(full):
    stimuli = StimulusSet.read(full)
    embedded = Sounds.of(stimuli, set(stimuli.table["file"]))
    heights = {}
    for row in stimuli.table[stimuli.table.reference == "references/ah.wav"].itertuples():
        heights[row.stimulus_id] = _height(embedded[row.file].panel), row.peak_dbfs
    heights["reference"] = (
        _height(embedded["references/ah.wav"].panel),
        20 * np.log10(np.abs(stimuli.stimulus("references/ah.wav")).max()),
    )
    scale = {name: height / 10 ** (peak / 20) for name, (height, peak) in heights.items()}
    assert max(scale.values()) / min(scale.values()) < 1.05
    assert max(height for height, _ in heights.values()) == pytest.approx(20.2, abs=0.2)


def _height(panel) -> float:
    y = [float(point.split(",")[1]) for point in panel.wave.strip("MZ ").split(" L")]
    return max(abs(value - WAVE_MIDDLE) for value in y)


def test_a_panel_keeps_its_axes():
    sound = vowel("oo")
    panel = make_panel(sound, 1.0, hear(sound, RATE), peak=1.0, brightest=1.0)
    assert [text for _, text in panel.times] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert (panel.times[0][0], panel.times[-1][0]) == (LEFT, RIGHT)
    assert {"0.1", "1", "5"} <= {text for _, text in panel.frequencies}
    places = [place for place, _ in panel.frequencies]
    assert places == sorted(places, reverse=True)
    assert TOP < places[-1] < places[0] < BOTTOM
    image = Image.open(io.BytesIO(base64.b64decode(panel.picture.partition(",")[2])))
    assert image.size == (200, len(BANDS.centre_frequencies))
    assert image.mode == "P"


def test_profiles_say_what_was_matched(full):
    found = profiles(StimulusSet.read(full))
    word = {stage.layer: stage for stage in found["ah_word2_0"].stages}
    assert list(word) == list(STAGES)
    assert [layer for layer, stage in word.items() if stage.matched] == ["word2"]
    assert word["word2"].match_db > 6 * word["music2"].match_db
    assert found["ah_word2_0"].least is None
    assert found["crackle_texture_0"].least.layer == CLASSES[0]
    assert set(found) == {row for row in StimulusSet.read(full).table.query("kind == 'metamer'").stimulus_id}


def test_each_class_of_a_texture_is_on_the_page(page):
    card = page[page.index('id="crackle_texture_0"') :]
    card = card[: card.index("</article>")]
    assert [name for name in CLASSES if f'<span class="name">{name}</span>' in card] == list(CLASSES)
    assert "22.5 dB at subband variance" in card


def test_plotly_accepts_the_figure_of_stages(full):
    figure = stages_figure(StimulusSet.read(full))
    assert len(Figure(_with_colours(figure)).data) == 4 + 7
    stars = [
        (figure["layout"]["xaxis"]["ticktext"][x], trace["meta"]["layer"])
        for trace in figure["data"] if "marker" in trace
        for x, symbol in zip(trace["x"], trace["marker"]["symbol"], strict=True) if symbol == "star"
    ]  # fmt: skip
    assert sorted(stars) == sorted(
        [(layer, layer) for layer in ("cochleagram", "conv2", "word2")] * 2
        + [(name, "+".join(CLASSES)) for name in CLASSES]
    )


def test_markup_in_any_text_is_shown_never_run(tmp_path):
    html = write_report(make_sound_set(tmp_path / "hostile", hostile=True)).read_text(encoding="utf-8")
    assert SCRIPT not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 50


DAMAGES = {
    "text": lambda data: b"this is no sound at all, whatever its name says",
    "empty": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "false length": lambda data: data[:4] + b"\xff\xff\xff\x7f" + data[8:40] + struct.pack("<I", 2**31) + data[44:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_sound_is_announced_and_said_in_its_place(tmp_path, tone, damage):
    root = one_sound(tmp_path / "damaged", tone)
    path = root / "stimuli" / "sound.wav"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    html = write_report(root).read_text(encoding="utf-8")
    assert "1 file changed since the set was made" in html
    assert str(tmp_path) not in html
    assert (damage in ("cut off", "false length")) == ("it is cut off, copy it again" in html)
    assert "stimuli/sound.wav: sound.wav" in html
    assert "<audio controls" not in html


def test_a_stereo_file_is_said_in_its_place(tmp_path, tone):
    root = one_sound(tmp_path / "stereo", tone)
    soundfile.write(str(root / "stimuli" / "sound.wav"), np.stack([tone, tone], 1), RATE)
    assert "sound.wav has 2 channels" in write_report(root).read_text(encoding="utf-8")


def test_silence_is_drawn_as_a_line(tmp_path):
    root = one_sound(tmp_path / "silent", np.zeros(RATE // 10, np.float32))
    html = write_report(root).read_text(encoding="utf-8")
    assert len(embedded(html)) == 1
    assert "24-bit, silent" in html
    assert "inf" not in re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL).partition("<main>")[2]


def test_a_file_in_a_coding_that_no_browser_plays_is_embedded_as_24_bit(tmp_path, tone):
    root = one_sound(tmp_path / "double", tone)
    soundfile.write(str(root / "stimuli" / "sound.wav"), tone, RATE, subtype="DOUBLE")
    held = embedded(write_report(root).read_text(encoding="utf-8"))[0]
    write_wav(tmp_path / "wanted.wav", tone, RATE)
    assert soundfile.info(io.BytesIO(held)).subtype == "PCM_24"
    assert np.abs(soundfile.read(io.BytesIO(held))[0] - soundfile.read(str(tmp_path / "wanted.wav"))[0]).max() <= 2**-23


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b broken", b"a\tb\n1\t2\n"])
def test_a_broken_table_of_stages_is_one_sentence(tmp_path, content):
    maker = SoundMaker(tmp_path / "broken")
    maker.metamers({"ah": vowel("ah", seconds=0.1)}, ("conv2",))
    root = maker.commit()
    (root / "matches.tsv.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"matches\.tsv\.gz of broken"):
        write_report(root)


def test_nonsense_in_the_table_of_stages_still_gives_a_page(tmp_path):
    maker = SoundMaker(tmp_path / "nonsense")
    maker.metamers({"ah": vowel("ah", seconds=0.1)}, ("conv2",))
    root = maker.commit()
    rewrite(root / "matches.tsv.gz", lambda content: re.sub(r"\t\d+\t|\t\d+\.\d+\t", "\toops\t", content, count=3))
    assert write_report(root).exists()
