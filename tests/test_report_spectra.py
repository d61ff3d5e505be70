"""Mel and constant-Q pictures: a tone in its band at its level, a click at its time, sounds of every length and rate."""

import numpy as np
import pytest
from report_fixture import make_plain_set
from report_sound_fixture import make_sound_set

from synthstim.errors import InputError
from synthstim.modalities.sound.report.panels import make_panel
from synthstim.modalities.sound.report.spectra import BLACK, PICTURES
from synthstim.report import write_report
from synthstim.stimulus_set import StimulusSet

LEVELS = ["mel", "constant-q"]


def tone(frequency, rate, seconds=0.5):
    return (0.1 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [4_000, 16_000, 44_100])
@pytest.mark.parametrize("name", LEVELS)
def test_a_tone_is_in_its_band_at_its_level(name, rate):
    for frequency in (300.0, 800.0, 1500.0):
        picture = PICTURES[name](tone(frequency, rate), rate)
        middle = picture.values[:, picture.values.shape[1] // 2]
        assert picture.frequencies[middle.argmax()] == pytest.approx(frequency, rel=0.07)
        assert middle.max() + BLACK == pytest.approx(-20, abs=3)


@pytest.mark.parametrize("name", LEVELS)
def test_a_click_is_at_its_time(name):
    click = np.zeros(16_000, np.float32)
    click[4_800] = 0.5
    picture = PICTURES[name](click, 16_000)
    at = picture.values[-20:].mean(0).argmax()
    frames = picture.values.shape[1]
    assert picture.start + (at + 0.5) * (picture.stop - picture.start) / frames == pytest.approx(0.3, abs=0.006)


@pytest.mark.parametrize("seconds", [0.02, 0.2, 4.0])
@pytest.mark.parametrize("name", PICTURES)
def test_sounds_of_every_length_are_drawn(name, seconds):
    for sound in (tone(440, 22_050, seconds), np.zeros(round(22_050 * seconds), np.float32)):
        picture = PICTURES[name](sound, 22_050)
        assert picture.values.shape[0] == len(picture.frequencies)
        assert 1 <= picture.values.shape[1] <= 500
        assert np.isfinite(picture.values).all()
        assert picture.values.min() >= 0
        assert picture.stop - picture.start == pytest.approx(seconds, abs=0.02)
        assert make_panel(sound, seconds, picture, peak=1.0, brightest=1.0).frequencies


def test_a_page_draws_sounds_as_asked_and_images_in_no_such_way(tmp_path):
    stimuli = StimulusSet.read(make_sound_set(tmp_path / "sounds"))
    assert tuple(PICTURES) == stimuli.modality.drawings
    pages = {
        name: write_report(stimuli, tmp_path / f"{name}.html", drawing=name).read_text("utf-8") for name in PICTURES
    }
    usual = write_report(stimuli, tmp_path / "usual.html").read_text("utf-8")
    assert usual == pages["cochleagram"]
    assert len(set(pages.values())) == len(PICTURES)
    for name, page in pages.items():
        assert f"Waveform and {name} of" in page
    with pytest.raises(InputError, match="sounds are not drawn as 'wavelet': choose cochleagram, mel, constant-q"):
        write_report(stimuli, tmp_path / "page.html", drawing="wavelet")
    with pytest.raises(InputError, match="images are not drawn as 'mel': leave the drawing out"):
        write_report(make_plain_set(tmp_path / "images"), tmp_path / "page.html", drawing="mel")
