"""The page of a set of sounds in headless Chromium: every player plays, every sound is drawn, no host is asked."""

from __future__ import annotations

import numpy as np
import pytest
from report_browser import MARKS, click, open_browser, require_quiet, shown, visit
from report_fixture import SCRIPT
from report_sound_fixture import RATE, STAGES, make_sound_set, vowel
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from synthstim.modalities.sound import report as sounds
from synthstim.report import write_report
from synthstim.stimulus_set import SetWriter, StimulusSet

pytestmark = MARKS
PLAYERS = 11 + 3 + 6
HELD = (
    "return [...document.querySelectorAll(arguments[0])].map((a) => [a.readyState, a.duration, a.error?.message ?? ''])"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    sets = {"full": make_sound_set(folder / "full"), "hostile": make_sound_set(folder / "hostile", hostile=True)}
    return {name: write_report(root) for name, root in sets.items()}


def loaded(browser, selector: str = "main audio") -> list[list]:
    """Bring every player into view; wait until each knows its sound: (readyState, duration, error)."""
    for player in browser.find_elements(By.CSS_SELECTOR, selector):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", player)
        known = "return arguments[0].readyState > 0 || arguments[0].error !== null"
        WebDriverWait(browser, 20).until(lambda driver, player=player: driver.execute_script(known, player))
    return browser.execute_script(HELD, selector)


def play(browser, player) -> None:
    """Start a player as a person does: the browser lets a page make a sound only after a real key or click."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", player)
    player.send_keys(" ")


@pytest.mark.parametrize("name", ["full", "hostile"])
def test_it_opens_without_an_error_or_a_request(browser, pages, name):
    require_quiet(browser, pages[name])
    loaded(browser)
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("name", ["full", "hostile"])
def test_every_sound_has_a_player_that_holds_it(browser, pages, name):
    visit(browser, pages[name])
    held = loaded(browser)
    assert len(held) == PLAYERS
    assert [error for *_, error in held if error] == []
    durations = sorted(round(duration, 4) for _, duration, _ in held)
    assert durations == [0.7] * 2 + [1.0] * (PLAYERS - 2)


def test_every_player_plays(browser, pages):
    visit(browser, pages["full"])
    loaded(browser)
    for player in browser.find_elements(By.CSS_SELECTOR, "main audio"):
        play(browser, player)
        state = "const a = arguments[0]; return a.currentTime > 0.1 && a.readyState >= 2"
        WebDriverWait(browser, 20).until(lambda driver, player=player: driver.execute_script(state, player))
        # The one before it has stopped.
        assert (
            browser.execute_script("return [...document.querySelectorAll('audio')].filter((a) => !a.paused).length")
            <= 1
        )


def test_a_line_follows_what_is_heard(browser, pages):
    visit(browser, pages["full"])
    loaded(browser, "#metamers .reference audio")
    player = browser.find_element(By.CSS_SELECTOR, "#metamers .reference audio")
    browser.execute_script("arguments[0].currentTime = 0.5", player)
    head = "const p = arguments[0].parentElement.querySelector('.panel'); return [p.classList.contains('begun'), Number(p.querySelector('.head').getAttribute('x1'))]"
    WebDriverWait(browser, 10).until(lambda driver: driver.execute_script(head, player)[0])
    assert browser.execute_script(head, player)[1] == pytest.approx((26 + 276) / 2, abs=0.5)


def test_every_sound_is_drawn(browser, pages):
    visit(browser, pages["full"])
    panels = browser.execute_script(
        "return [...document.querySelectorAll('main .panel')].map((p) => [p.querySelector('.wave').getBBox().height,"
        " p.querySelector('image').getBBox().width, p.querySelectorAll('.hz').length, p.querySelectorAll('.s').length])"
    )
    assert len(panels) == PLAYERS
    for wave, width, frequencies, times in panels:
        assert 5 < wave <= 41
        assert width == pytest.approx(250, rel=0.01)
        assert frequencies >= 5
        assert times >= 4


def test_the_cochleagrams_are_decoded(browser, pages):
    visit(browser, pages["full"])
    sizes = browser.execute_async_script(
        "const done = arguments[arguments.length - 1]; Promise.all([...document.querySelectorAll('main .panel image')].map((i) => {"
        " const image = new Image(); image.src = i.getAttribute('href'); return image.decode().then(() => [image.naturalWidth, image.naturalHeight]); })).then(done)"
    )
    assert sorted(map(tuple, sizes)) == [(140, 101)] * 2 + [(200, 101)] * (PLAYERS - 2)


def test_figures_draw_their_data(browser, pages):
    visit(browser, pages["full"])
    figures = browser.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('.figure')].map((f) => [f.dataset.figure, f.querySelectorAll('.scatterlayer .trace').length]))"
    )
    assert figures == {"null-match_db": 3 + 5, "stages": 4 + 7, "controllers": 3, "curves": 8}


def test_the_branch_check_is_drawn_stage_by_stage(browser, pages):
    visit(browser, pages["full"])
    bars = browser.execute_script(
        "return [...document.querySelectorAll('#ah_word2_0 .profile li')].map((l) => [l.querySelector('.name').textContent,"
        " l.className, l.querySelector('.bar i').getBoundingClientRect().width, l.querySelector('.number').textContent])"
    )
    assert [name for name, *_ in bars] == list(STAGES)
    widths = {name: width for name, _, width, _ in bars}
    assert [name for name, role, *_ in bars if role == "matched"] == ["word2"]
    assert widths["word2"] > 5 * widths["music2"] > 0


def test_enlarging_puts_a_metamer_beside_its_reference_and_plays_both(browser, pages):
    visit(browser, pages["full"])
    loaded(browser, "#ah_conv2_0 audio")
    click(browser, "#ah_conv2_0 .picture")
    captions = [caption.text for caption in browser.find_elements(By.CSS_SELECTOR, "#large figcaption")]
    assert captions == [
        "ah (reference) · 1.00 s, 48 kHz, 24-bit, −26.0 dBFS",
        "ah_conv2_0 · 1.00 s, 48 kHz, 24-bit, −26.0 dBFS",
    ]
    for panel in browser.find_elements(By.CSS_SELECTOR, "#large .panel"):
        panel.click()
        state = "const a = arguments[0].parentElement.querySelector('audio'); return a.currentTime > 0.55 && a.readyState >= 2"
        WebDriverWait(browser, 20).until(lambda driver, panel=panel: driver.execute_script(state, panel))
    click(browser, "#large-close")
    silent = "return [...document.querySelectorAll('audio')].every((a) => a.paused)"
    WebDriverWait(browser, 10).until(lambda driver: driver.execute_script(silent))


def test_a_controller_is_enlarged_beside_the_best_natural_sound_for_its_goal(browser, pages):
    visit(browser, pages["full"])
    click(browser, "#controllers .card[data-goal=suppress] .picture")
    assert browser.find_element(By.CSS_SELECTOR, "#large figcaption").text.startswith("ah.wav (best natural sound)")
    click(browser, "#large-close")


def test_filters_hide_sounds_and_stop_them(browser, pages):
    visit(browser, pages["full"])
    table = StimulusSet.read(pages["full"].parent).table.set_index("stimulus_id")
    loaded(browser, "#ah_conv2_0 audio")
    play(browser, browser.find_element(By.CSS_SELECTOR, "#ah_conv2_0 audio"))
    click(browser, "input[value=metamer]")
    assert set(shown(browser, ".card")) == set(table.index[table.kind != "metamer"])
    assert browser.execute_script("return document.querySelector('#ah_conv2_0 audio').paused")


@pytest.mark.parametrize("level", [1, 2, 3])
def test_reduced_copies_play_too(browser, tmp_path, monkeypatch, level):
    writer = SetWriter(tmp_path / "large", modality="sound", rate=RATE)
    writer.add("ah", vowel("ah"), kind="natural")
    root = writer.commit({})
    monkeypatch.setattr(sounds, "BUDGET_BYTES", {1: 100_000, 2: 50_000, 3: 10}[level])
    # Away from the set the page holds copies, beside it it plays the files.
    for out in (tmp_path / "away.html", None):
        visit(browser, write_report(root, out))
        state, duration, error = loaded(browser)[0]
        assert (state > 0, round(duration, 3), error) == (True, 1.0, "")


@pytest.mark.parametrize(("bits", "samples"), [(16, 960), (32, 48_000), (24, 7)])
def test_other_codings_and_lengths_play(browser, tmp_path, bits, samples):
    writer = SetWriter(tmp_path / "other", modality="sound", rate=RATE)
    writer.add(
        "noise", np.random.default_rng(0).uniform(-0.1, 0.1, samples).astype(np.float32), bits=bits, kind="natural"
    )
    require_quiet(browser, page := write_report(writer.commit({})))
    state, duration, error = loaded(browser)[0]
    assert (state > 0, error) == (True, "")
    assert duration == pytest.approx(samples / RATE, abs=1e-3)
    assert (
        f"re-measured from the saved {bits}-bit" in page.read_text(encoding="utf-8")
        or "re-measured" not in page.read_text()
    )


def test_hostile_names_are_text_everywhere(browser, pages):
    visit(browser, pages["hostile"])
    assert browser.execute_script("return document.querySelectorAll('main script').length") == 0
    assert browser.execute_script("return document.scripts.length") == 3
    assert SCRIPT in browser.find_element(By.CSS_SELECTOR, "#failures tbody").text
    assert SCRIPT in browser.execute_script("return document.querySelector('.profile .name').textContent")
    assert SCRIPT in browser.execute_script("return document.querySelector('#controllers audio').ariaLabel")
    click(browser, "#controllers .thumbs .picture")
    assert SCRIPT in browser.find_element(By.ID, "large-title").text
    click(browser, "#large-close")


@pytest.mark.parametrize("width", [480, 900, 1400])
def test_the_page_never_scrolls_sideways(browser, pages, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    visit(browser, pages["full"])
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
