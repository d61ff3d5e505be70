"""Mel and constant-Q pictures: a tone in its band at its level, a click at its time, sounds of every length and rate."""

import numpy as np
import pytest

from synthstim.report.panels import make_panel
from synthstim.report.spectra import BLACK, PICTURES

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
