"""The report page as a person uses it: loaded, filtered, sorted, opened, narrow, dark, and with scripts off."""

from __future__ import annotations

import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from synthetic_run import EVIL, RELEASES

NEWEST_FIRST = list(RELEASES)[::-1]


def seen(chrome, selector: str) -> list:
    return [one for one in chrome.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()]


def releases(chrome) -> list[str]:
    return [one.text for one in seen(chrome, "tbody.release > tr:first-child > th")]


def link(chrome, cell: str):
    return chrome.find_element(By.CSS_SELECTOR, f'td > a.open[href="#cell-{cell}"]')


def opened(chrome) -> list[str]:
    return [one.get_attribute("id") for one in seen(chrome, "tr.more")]


def heading(chrome, name: str, number: int = 0):
    return [one for one in seen(chrome, "thead button") if one.text.split()[:1] == [name]][number]


def sorted_by(chrome) -> list[tuple[str, str]]:
    return [(one.text.split()[0], one.get_attribute("aria-sort")) for one in seen(chrome, "[aria-sort]")]


def test_loaded(page):
    assert page.title == "TRL compatibility matrix"
    assert releases(page) == NEWEST_FIRST
    assert len(seen(page, "tbody.band")) == 5
    assert opened(page) == []
    assert page.find_element(By.ID, "shown").text == "6 of 6 releases"


def test_nothing_is_asked_of_anyone(page, address):
    messages = [json.loads(one["message"])["message"] for one in page.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert asked == [address]


def test_a_page_that_would_load_or_run_something_may_not(page, address):
    page.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img id=spy src=\"https://example.org/spy.png\">"
        '<button id=bad onclick="document.title = 1">\')'
    )
    page.execute_script("document.getElementById('bad').click()")
    assert page.title == "TRL compatibility matrix"
    said = [one["message"] for one in page.get_log("browser")]
    assert any("img-src" in one and "Content Security Policy" in one for one in said)
    assert any("script-src" in one and "Content Security Policy" in one for one in said)


def test_text_of_a_log_stays_text(page):
    link(page, "0.23.0-today").click()
    (panel,) = seen(page, "tr.more")
    assert EVIL in panel.text
    assert page.title == "TRL compatibility matrix"


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("status", "fail", ["0.23.0"]),
        ("status", "no PPO", ["1.16.0"]),
        ("status", "not as declared", ["0.23.0", "0.11.4"]),
        ("status", "not run", ["0.26.2"]),
        ("api", "step", ["0.11.4", "0.4.7"]),
        ("api", "train, experimental", ["0.26.2"]),
        ("api", "listed", ["0.1.0"]),
    ],
)
def test_filter(page, field, value, left):
    Select(page.find_element(By.ID, field)).select_by_visible_text(value)
    assert releases(page) == left
    assert page.find_element(By.ID, "shown").text == f"{len(left)} of 6 releases"
    assert len(seen(page, "tbody.band")) == len({RELEASES[one].partition("api")[2][:9] for one in left})


def test_filter_by_lane(page):
    Select(page.find_element(By.ID, "lane")).select_by_visible_text("period")
    assert [one.text.split()[0] for one in seen(page, "thead .group")] == ["period"]
    assert len(seen(page, "thead th")) == 3 + 1 + 4
    Select(page.find_element(By.ID, "status")).select_by_visible_text("fail")
    assert releases(page) == []
    assert seen(page, "#none")
    page.find_element(By.ID, "clear").click()
    assert releases(page) == NEWEST_FIRST
    assert len(seen(page, "thead .group")) == 2


@pytest.mark.parametrize(
    ("text", "left"),
    [("0.23", ["0.23.0"]), ("TRANSFORMERS==4.9.0", ["0.4.7"]), ("dropped imports", ["0.4.7"]), ("zzz", [])],
)
def test_find(page, text, left):
    page.find_element(By.ID, "text").send_keys(text)
    assert releases(page) == left


def test_sort(page):
    assert sorted_by(page) == [("TRL", "descending")]
    heading(page, "TRL").click()
    assert releases(page) == NEWEST_FIRST[::-1]
    assert sorted_by(page) == [("TRL", "ascending")]
    assert [one.text.split()[0] for one in seen(page, "tbody.band")] == ["Older", "Step", "Train", "Train", "No"]
    heading(page, "Status").click()
    assert releases(page) == ["0.11.4", "0.26.2", "0.23.0", "0.4.7", "1.16.0", "0.1.0"]
    assert seen(page, "tbody.band") == []
    heading(page, "transformers").click()  # as versions: 4.9 before 4.10; what has none is last
    assert releases(page) == ["0.4.7", "0.11.4", "0.23.0", "0.26.2", "1.16.0", "0.1.0"]
    heading(page, "transformers").click()
    assert releases(page) == ["1.16.0", "0.26.2", "0.23.0", "0.11.4", "0.4.7", "0.1.0"]
    assert sorted_by(page) == [("transformers", "descending")]
    heading(page, "Time", 1).send_keys(Keys.ENTER)  # in lane today
    assert releases(page)[:4] == ["0.4.7", "0.11.4", "0.23.0", "1.16.0"]
    heading(page, "TRL").click()
    assert releases(page) == NEWEST_FIRST
    assert len(seen(page, "tbody.band")) == 5


def test_open_and_close_with_the_mouse(page):
    link(page, "0.4.7-today").click()
    link(page, "0.23.0").click()
    assert opened(page) == ["cell-0.23.0", "cell-0.4.7-today"]
    assert page.current_url.endswith("#cell-0.23.0")
    panel = seen(page, "tr.more")[1]
    for said in ("transformers dropped what it imports", "pin transformers<5", "https://example.org/1"):
        assert said in panel.text
    packages, log = panel.find_elements(By.TAG_NAME, "details")
    for details, said in ((packages, "torch==2.13.0"), (log, "end of 0.4.7-today")):
        assert said not in panel.text
        details.find_element(By.TAG_NAME, "summary").click()
        assert said in panel.text
    link(page, "0.23.0").click()
    panel.find_element(By.LINK_TEXT, "Close").click()
    assert opened(page) == []


def test_open_and_close_with_the_keyboard(page):
    one = link(page, "0.23.0")
    for key in (Keys.ENTER, Keys.SPACE):
        one.send_keys(key)
        assert opened(page) == ["cell-0.23.0"]
        assert one.get_attribute("aria-expanded") == "true"
        one.send_keys(Keys.ESCAPE)
        assert opened(page) == []
        assert one.get_attribute("aria-expanded") == "false"
        assert page.switch_to.active_element == one
    assert one.value_of_css_property("outline-style") == "solid"


def test_overview_leads_to_the_cell_also_where_it_is_filtered_away(page):
    Select(page.find_element(By.ID, "api")).select_by_visible_text("step")
    page.find_element(By.CSS_SELECTOR, '.overview a[href="#cell-0.26.2"]').click()
    assert opened(page) == ["cell-0.26.2"]
    assert releases(page) == NEWEST_FIRST
    assert page.switch_to.active_element == link(page, "0.26.2")


def test_an_address_leads_to_a_cell(page, address):
    page.get("about:blank")
    page.get(f"{address}#cell-0.23.0-today")
    assert opened(page) == ["cell-0.23.0-today"]


def test_theme(page, address):
    def ground() -> str:
        return page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")

    light = ground()
    button = page.find_element(By.ID, "theme")
    assert button.text == "Dark theme"
    button.click()
    assert button.text == "Light theme"
    dark = ground()
    assert dark != light
    page.refresh()
    assert ground() == dark
    page.find_element(By.ID, "theme").click()
    assert ground() == light


def test_dark_where_the_machine_is(browser, address):
    with browser(dark=True) as chrome:
        chrome.get(address)
        assert chrome.find_element(By.ID, "theme").text == "Light theme"
        assert (
            sum(
                map(
                    int, chrome.execute_script("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
                )
            )
            < 150
        )


def test_phone(browser, address):
    with browser(width=390, height=800) as chrome:
        chrome.get(address)
        link(chrome, "0.23.0-today").click()
        for wide in ("document.documentElement", "document.querySelector('.scroll')"):
            assert chrome.execute_script(f"return {wide}.scrollWidth - {wide}.clientWidth") == 0
        assert "4.9.0" in " ".join(one.text for one in seen(chrome, "td .under"))
        assert releases(chrome) == NEWEST_FIRST


def test_scripts_off(browser, address):
    with browser(scripts=False) as chrome:
        chrome.get(address)
        assert chrome.find_element(By.TAG_NAME, "html").get_attribute("class") == "", "scripts are on"
        assert releases(chrome) == NEWEST_FIRST
        assert len(seen(chrome, "tbody.band")) == 5
        assert seen(chrome, "form, button") == []
        link(chrome, "0.4.7-today").click()
        assert opened(chrome) == ["cell-0.4.7-today"]
        (panel,) = seen(chrome, "tr.more")
        assert "pin transformers<5" in panel.text
        assert "torch==2.13.0" not in panel.text
        panel.find_element(By.TAG_NAME, "summary").click()
        assert "torch==2.13.0" in panel.text
        link(chrome, "0.23.0").send_keys(Keys.ENTER)
        assert opened(chrome) == ["cell-0.23.0"]
        chrome.find_element(By.CSS_SELECTOR, "tr.more:target .close a").click()
        assert opened(chrome) == []


def test_print(browser, address):
    with browser(dark=True) as chrome:
        chrome.get(address)
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        assert seen(chrome, "form, #theme") == []
        assert releases(chrome) == NEWEST_FIRST
        assert chrome.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert chrome.execute_cdp_cmd("Page.printToPDF", {})["data"]
