"""The HTML pages in a real browser: they load nothing, and work with zoom, filters, dark mode and on a phone."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from simulator.local_aws.replay_loop import Minute, StreamReplay
from simulator.local_aws.replay_outcome import Outcome
from simulator.reports import page, pages
from simulator.traffic import Trace, Traffic

START = datetime(2026, 10, 5, tzinfo=UTC)
EVIL = "<script>document.title='broken'</script>"
BROWSER = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
SECONDS = 60


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """The page of a day on which a stream was scaled up, down, and once without success."""
    demand = 3 - 2 * np.cos(np.arange(1440) / 1440 * 2 * np.pi)
    shards = np.where(np.arange(1440) < 500, 2, np.where(np.arange(1440) < 1100, 6, 3))
    minutes = [
        Minute(START + timedelta(minutes=minute), float(each), int(count), max(0.0, 1 - count / each))
        for minute, (each, count) in enumerate(zip(demand, shards, strict=True))
    ]
    scalings = [
        scaling(400, 2, 6, "FAILED", "Kinesis refused to scale orders from 2 to 6 shards."),
        scaling(500, 2, 6, "SUCCEEDED", f"Scaled orders from 2 to 6 shards: demand of 4.4 shards. {EVIL}"),
        scaling(1100, 6, 3, "SUCCEEDED", "Scaled orders from 6 to 3 shards: it uses less than 40%."),
    ]
    record = StreamReplay("orders", minutes)
    trace = Trace("orders", START, [Traffic.for_shards(float(each)) for each in demand])
    told = pages.replay(
        record, Outcome.of(record, trace, []), scalings, {"COOLDOWN": 3}, {"max_shard_count": 8}, "Read a file."
    )
    path = tmp_path_factory.mktemp("pages") / "replay.html"
    page.write(told, path)
    return path


def scaling(minute, before, after, status, message):
    at = (START + timedelta(minutes=minute)).isoformat()
    return {"started_at": at, "from_shard_count": before, "to_shard_count": after, "status": status, "message": message}


@pytest.fixture(scope="module")
def browser():
    if not (BROWSER and DRIVER):
        if os.environ.get("CI"):
            pytest.fail("Chromium or its driver is missing: make browser")
        pytest.skip("Chromium or its driver is missing: make browser installs them on Debian")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, replayed):
    """Opens the page with a width and a color scheme."""

    def open_(width=1440, scheme="light", path=replayed):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(f"file://{path}")
        WebDriverWait(browser, SECONDS).until(lambda page: page.execute_script("return document.body.dataset.drawn"))
        return browser

    return open_


def test_a_page_is_complete_and_loads_nothing(opened):
    shown = opened()
    assert shown.execute_script("return performance.getEntriesByType('resource').map(each => each.name)") == []
    assert shown.get_log("browser") == []
    assert shown.title == "What the autoscaler would have done with orders"


def test_a_page_is_of_a_size_that_can_be_sent(replayed):
    assert replayed.stat().st_size < 2.5 * 1024**2


def test_pointing_at_a_scaling_shows_its_sentence(opened):
    shown = opened()
    legend = [each.text for each in shown.find_elements(By.CSS_SELECTOR, ".legendtext")]
    assert legend == ["demand", "open shards", "throttled", "scaled up", "scaled down", "failed"]
    shapes = {
        each.get_attribute("d").split("A")[0]
        for each in shown.find_elements(By.CSS_SELECTOR, ".legendpoints path.scatterpts")
    }
    assert len(shapes) == 4  # throttled, up, down and failed differ in shape, not only in color
    plot = shown.find_element(By.CSS_SELECTOR, "#chart-0 .nsewdrag")
    across = plot.size["width"]
    ActionChains(shown).move_to_element_with_offset(plot, int((500 / 1440 - 0.5) * across), 0).perform()
    said = "return document.querySelector('#chart-0 .hoverlayer').textContent"
    hover = WebDriverWait(shown, SECONDS).until(lambda page: page.execute_script(said))
    assert "shards' worth" in hover
    assert "Scaled orders from 2 to 6 shards: demand of 4.4 shards." in hover


def test_dragging_zooms(opened):
    shown = opened()
    assert hours_shown(shown) == pytest.approx(24, rel=0.1)
    plot = shown.find_element(By.CSS_SELECTOR, "#chart-0 .nsewdrag")
    ActionChains(shown).move_to_element(plot).click_and_hold().move_by_offset(200, 0).release().perform()
    WebDriverWait(shown, SECONDS).until(lambda page: hours_shown(page) < 12)


def hours_shown(shown):
    return shown.execute_script(
        "const [from, to] = document.getElementById('chart-0')._fullLayout.xaxis.range;"
        "return (new Date(to) - new Date(from)) / 3600000"
    )


def test_the_scaling_log_can_be_searched_and_chosen_from(opened):
    shown = opened()
    assert "Kinesis refused to scale" in shown.find_element(By.ID, "table-0").text
    shown.find_element(By.CSS_SELECTOR, "[data-filter='0']").send_keys("less than 40%")
    rows = [each.text for each in shown.find_elements(By.CSS_SELECTOR, "#table-0 tbody tr") if each.is_displayed()]
    assert len(rows) == 1
    assert "6 → 3" in rows[0]
    assert shown.find_element(By.ID, "count-0").text == "1 row"
    shown.find_element(By.CSS_SELECTOR, "[data-filter='0']").clear()
    Select(shown.find_element(By.CSS_SELECTOR, "[data-choice='0']")).select_by_visible_text("failed")
    rows = [each.text for each in shown.find_elements(By.CSS_SELECTOR, "#table-0 tbody tr") if each.is_displayed()]
    assert len(rows) == 1
    assert "failed" in rows[0]


def test_what_a_name_or_a_sentence_has_of_markup_stays_text(opened):
    assert EVIL in opened().find_element(By.ID, "table-0").text


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_no_width_makes_the_page_scroll_sideways(opened, width):
    shown = opened(width)
    assert shown.execute_script("return document.documentElement.scrollWidth") <= width
    chart = shown.find_element(By.CSS_SELECTOR, "#chart-0 .main-svg")
    assert chart.size["width"] <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_stand_out_from_the_page(opened, scheme):
    shown = opened(scheme=scheme)
    names = ("--page", "--text", "--soft", "--demand", "--shards", "--throttled", "--up", "--down", "--failed")
    style = "return arguments[0].map(name => getComputedStyle(document.documentElement).getPropertyValue(name).trim())"
    back, *colors = shown.execute_script(style, names)
    ratios = dict(zip(names[1:], (contrast(back, color) for color in colors), strict=True))
    assert min(ratios["--text"], ratios["--soft"]) >= 4.5  # WCAG 2.2, AA: text
    assert min(ratios.values()) >= 3  # and graphics
    drawn = shown.find_element(By.CSS_SELECTOR, "#chart-0 .main-svg").value_of_css_property("background-color")
    assert [int(part) for part in re.findall(r"\d+", drawn)[:3]] == rgb(back)


def rgb(color):
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def contrast(one, other):
    def luminance(color):
        parts = [part / 255 for part in rgb(color)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_every_field_and_chart_says_what_it_is(opened):
    shown = opened()
    unnamed = "return [...document.querySelectorAll('input, select')].filter(each => !each.labels.length).length"
    assert shown.execute_script(unnamed) == 0
    for chart in shown.find_elements(By.CSS_SELECTOR, ".chart"):
        assert "shards on average" in chart.get_attribute("aria-label")
    assert shown.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"


def test_a_browser_is_installed_by_the_projects_own_files():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    assert "chromium-driver" in makefile
    assert "\ntest: $(TESTS) kinesis-local browser" in makefile
