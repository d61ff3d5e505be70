"""Headless Chromium for the report's tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--window-size=1400,1000",
)  # fmt: skip
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed"),
]


@contextmanager
def open_browser(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser that logs its console and its requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def visit(browser, page: Path) -> None:
    """Open the page, bring every figure into view and wait until all are drawn."""
    browser.get(page.as_uri())
    for figure in browser.find_elements(By.CSS_SELECTOR, ".figure"):
        browser.execute_script("arguments[0].scrollIntoView()", figure)
        WebDriverWait(browser, 30).until(lambda _, figure=figure: figure.find_elements(By.CSS_SELECTOR, ".main-svg"))
    images = "[...document.images].every((image) => image.complete)"
    WebDriverWait(browser, 30).until(lambda driver: driver.execute_script(f"return {images}"))


def require_quiet(browser, page: Path) -> None:
    """Open the page and assert that it logs nothing and asks no host for anything."""
    browser.get_log("browser"), browser.get_log("performance")
    visit(browser, page)
    assert browser.get_log("browser") == []
    asked = [
        entry["message"] for entry in browser.get_log("performance") if "Network.requestWillBeSent" in entry["message"]
    ]
    assert asked
    assert not [message for message in asked if '"url":"http' in message]
    script = "return performance.getEntriesByType('resource').map((e) => e.name).filter((n) => !n.startsWith('data:'))"
    assert browser.execute_script(script) == []


def shown(browser, selector: str) -> list[str]:
    """The ids of the elements that are not hidden, nor within something hidden."""
    script = "return [...document.querySelectorAll(arguments[0])].filter((e) => !e.closest('[hidden]')).map((e) => e.dataset.id ?? e.id)"
    return browser.execute_script(script, selector)


def click(browser, selector: str) -> None:
    """Click the first element of that kind, wherever it is."""
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)
