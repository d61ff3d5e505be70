"""The page in headless Chromium: it draws, filters, sorts and enlarges, and asks no host for anything."""

from __future__ import annotations

import pytest
from report_browser import MARKS, click, open_browser, require_quiet, shown, visit
from report_fixture import SCRIPT, make_plain_set, make_set
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from synthstim.report import write_report
from synthstim.stimulus_set import StimulusSet

pytestmark = MARKS


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    sets = {
        "full": make_set(folder / "full", size=64),
        "hostile": make_set(folder / "hostile", size=16, hostile=True),
        "plain": make_plain_set(folder / "plain", 1),
    }
    return {name: write_report(root) for name, root in sets.items()}


@pytest.mark.parametrize("name", ["full", "hostile", "plain"])
def test_it_opens_without_an_error_or_a_request(browser, pages, name):
    require_quiet(browser, pages[name])


@pytest.mark.parametrize("name", ["full", "hostile", "plain"])
def test_every_image_is_decoded(browser, pages, name):
    visit(browser, pages[name])
    widths = browser.execute_script("return [...document.images].map((image) => image.naturalWidth)")
    table = StimulusSet.read(pages[name].parent).table
    assert len(widths) >= len(table) + table["reference"].nunique()
    assert min(widths) > 0


def test_every_image_has_words(browser, pages):
    visit(browser, pages["full"])
    assert browser.execute_script("return [...document.images].every((image) => image.alt.length > 5)")


def test_small_images_are_shown_at_whole_multiples(browser, pages):
    visit(browser, pages["plain"])
    image = browser.find_element(By.CSS_SELECTOR, ".card img")
    assert image.size["width"] % 32 == 0
    assert image.value_of_css_property("image-rendering") == "pixelated"


def test_figures_draw_their_data(browser, pages):
    visit(browser, pages["full"])
    counts = browser.execute_script(
        "return [...document.querySelectorAll('.figure')].map((f) => f.querySelectorAll('.scatterlayer .trace').length)"
    )
    assert counts == [7, 5, 24]
    assert browser.execute_script("return document.querySelectorAll('svg.strip path.density').length") == 12 + 3


def test_no_button_uploads_a_chart(browser, pages):
    visit(browser, pages["full"])
    titles = browser.execute_script("return [...document.querySelectorAll('.modebar-btn')].map((b) => b.dataset.title)")
    assert titles
    assert not [title for title in titles if "hare" in title or "loud" in title]


def test_filters_hide_and_show_in_every_section(browser, pages):
    visit(browser, pages["full"])
    table = StimulusSet.read(pages["full"].parent).table.set_index("stimulus_id")
    click(browser, "input[value=metamer]")
    wanted = set(table.index[table.kind != "metamer"])
    assert set(shown(browser, ".card")) == set(shown(browser, ".sortable tbody tr")) == wanted
    assert not browser.find_element(By.ID, "metamers").is_displayed()
    click(browser, "input[value=passed]")
    wanted -= set(table.index[table.status == "passed"])
    assert set(shown(browser, ".card")) == wanted
    assert browser.find_element(By.ID, "shown").text == f"{len(wanted)} of {len(table)} shown"
    click(browser, "[type=reset]")
    WebDriverWait(browser, 10).until(lambda driver: len(shown(driver, ".card")) == len(table))
    click(browser, "input[value=layer2]")
    assert set(shown(browser, ".card")) == set(table.index[(table.layer != "layer2").fillna(True)])
    visible = "return document.querySelector('[data-figure=curves]').data.filter((t) => t.visible).length"
    assert browser.execute_script(visible) == 20


def test_find_narrows_to_what_is_typed(browser, pages):
    visit(browser, pages["full"])
    browser.find_element(By.ID, "find").send_keys("V4_40")
    assert len(shown(browser, ".card")) == 4
    assert shown(browser, "#controllers .group") == [""]


def test_a_failure_leads_to_its_card_even_when_filtered_away(browser, pages):
    visit(browser, pages["full"])
    link = browser.find_element(By.CSS_SELECTOR, "#failures a")
    click(browser, "input[value=failed]")
    assert link.text not in shown(browser, ".card")
    browser.execute_script("arguments[0].click()", link)
    assert link.text in shown(browser, ".card")


def test_the_table_sorts_numbers_as_numbers_and_keeps_missing_last(browser, pages):
    visit(browser, pages["full"])
    heads = browser.find_elements(By.CSS_SELECTOR, ".sortable th")
    column = next(i for i, head in enumerate(heads) if head.get_attribute("textContent").strip() == "match, dB")
    keys = f"return [...document.querySelectorAll('.sortable tbody tr')].map((r) => r.cells[{column}].dataset.key)"
    for direction in ("ascending", "descending"):
        browser.execute_script("arguments[0].querySelector('button').click()", heads[column])
        assert heads[column].get_attribute("aria-sort") == direction
        found = browser.execute_script(keys)
        numbers = [float(key) for key in found if key]
        assert numbers == sorted(numbers, reverse=direction == "descending")
        assert found == [key for key in found if key] + [""] * (len(found) - len(numbers))


def test_the_keyboard_enlarges_turns_and_closes(browser, pages):
    visit(browser, pages["full"])
    dialog = browser.find_element(By.ID, "large")
    browser.find_element(By.CSS_SELECTOR, "#metamers .card .picture").send_keys(Keys.ENTER)
    assert dialog.is_displayed()
    captions = [caption.text for caption in dialog.find_elements(By.TAG_NAME, "figcaption")]
    assert captions[0].startswith("astronaut (reference)")
    assert captions[1].startswith("astronaut_layer1_0 · 64 × 64 pixels, shown")
    assert {image.size["width"] % 64 for image in dialog.find_elements(By.TAG_NAME, "img")} == {0}
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert dialog.find_element(By.ID, "large-title").text == "astronaut_layer1_1"
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()


def test_a_controller_is_enlarged_beside_the_best_natural_image_for_its_goal(browser, pages):
    visit(browser, pages["full"])
    click(browser, "#controllers .card[data-goal=suppress] .picture")
    caption = browser.find_element(By.CSS_SELECTOR, "#large figcaption").text
    first = browser.find_element(By.CSS_SELECTOR, "#controllers .thumbs[data-goal=suppress] img").get_attribute(
        "data-caption"
    )
    assert caption.startswith(first)
    click(browser, "#large-close")


def test_the_measure_switch_changes_the_null_figure(browser, pages):
    visit(browser, pages["full"])
    click(browser, "[data-show=null-pearson]")
    title = "return document.getElementById('figure-null').layout.xaxis.title.text"
    assert browser.execute_script(title) == "Pearson correlation"


def test_the_dark_scheme_recolours_page_and_figures(browser, pages):
    visit(browser, pages["full"])
    colours = "return [getComputedStyle(document.body).backgroundColor, document.getElementById('figure-null').layout.font.color]"
    light = browser.execute_script(colours)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    WebDriverWait(browser, 10).until(lambda driver: driver.execute_script(colours)[1] != light[1])
    assert browser.execute_script(colours)[0] != light[0]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_hostile_names_are_text_everywhere(browser, pages):
    visit(browser, pages["hostile"])
    assert browser.execute_script("return document.querySelectorAll('main script').length") == 0
    assert browser.execute_script("return document.scripts.length") == 3
    assert SCRIPT in browser.find_element(By.CSS_SELECTOR, "#failures tbody").text
    assert SCRIPT in browser.find_element(By.ID, "origin").text
    assert SCRIPT in browser.find_element(By.CSS_SELECTOR, "#controllers .group h3").text
    legend = browser.execute_script("return [...document.querySelectorAll('.legendtext')].map((e) => e.textContent)")
    assert f"layer1{SCRIPT}" in legend
    click(browser, "fieldset[data-filter=layer] input")
    assert len(shown(browser, ".card")) == 24
    click(browser, "#controllers .thumbs .picture")
    assert SCRIPT in browser.find_element(By.ID, "large-title").text


@pytest.mark.parametrize("width", [480, 900, 1400])
def test_the_page_never_scrolls_sideways(browser, pages, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    visit(browser, pages["full"])
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
