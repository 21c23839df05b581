"""The HTML page as text: what it says, that it says it safely, and that it needs nothing else."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import json
import re
import sys
from html.parser import HTMLParser

import pytest

from rldk_trl import cli
from rldk_trl.errors import ResultError
from rldk_trl.matrix.cells import all_cells
from rldk_trl.matrix.loader import load_matrix
from rldk_trl.report import write_reports
from rldk_trl.report.logs import log_end
from rldk_trl.report.page import GENERATIONS, SIGNS, TEMPLATES, generation
from rldk_trl.runner.results import CellResult, result_files
from synthetic_run import EVIL, STATUSES, synthetic_result, write_synthetic, write_synthetic_run

VOID = {"meta", "input", "br", "img", "link"}


class Page(HTMLParser):
    """The elements of a page, each with its attributes and all text in it; refuses what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[dict] = []
        self._open: list[dict] = []
        self.feed(text)
        assert not self._open, f"not closed: {[one['tag'] for one in self._open]}"

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "text": "", "inside": [one["tag"] for one in self._open]}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag: str, **attrs: str) -> list[dict]:
        return [
            one
            for one in self.elements
            if one["tag"] == tag and all(value in (one["attrs"].get(key) or "") for key, value in attrs.items())
        ]


@pytest.fixture
def run(tmp_path):
    return write_synthetic_run(tmp_path)


@pytest.fixture
def page(tmp_path, run):
    matrix, cells = run
    write_reports(tmp_path, cells, listed=matrix.listed)
    return Page((tmp_path / ".matrix/report.html").read_text(encoding="utf-8"))


def panel(page: Page, cell: str) -> str:
    (row,) = [one for one in page.all("tr", id="cell-") if one["attrs"]["id"] == f"cell-{cell}"]
    return row["text"]


def test_every_cell_says_its_status_in_words(page):
    links = page.all("a", **{"class": "open", "aria-label": ", "})
    said = {one["attrs"]["href"]: (one["attrs"]["aria-label"], one["text"].strip()) for one in links}
    assert len(said) == len(STATUSES) + 1
    for cell, (status, _) in {**STATUSES, "0.26.2-today": ("not run", None)}.items():
        version, _, lane = cell.partition("-")
        sign = SIGNS[status]
        assert said[f"#cell-{cell}"] == (f"{version}, {lane or 'period'}: {sign.word}", f"{sign.symbol} {sign.word}")


def test_signs_differ_without_colour():
    assert len({sign.symbol for sign in SIGNS.values()}) == len({sign.word for sign in SIGNS.values()}) == len(SIGNS)


def test_bands_are_the_generations_newest_first(page):
    titles = [one["text"].strip() for one in page.all("th", scope="rowgroup")]
    assert [re.sub(r"\s+", " ", title) for title in titles] == [
        "No PPO 1.16.0",
        "Train API, in trl.experimental.ppo 0.26.2",
        "Train API, in trl 0.23.0",
        "Step API 0.4.7 to 0.11.4, 2 releases",
        "Older than PPOTrainer 0.1.0",
    ]


def test_generations_of_the_real_rows():
    kinds = [generation(release).key for release in load_matrix().releases]
    assert list(dict.fromkeys(kinds)) == list(GENERATIONS)  # each once, in the order of the releases
    assert sum(a != b for a, b in itertools.pairwise(kinds)) == len(GENERATIONS) - 1


def test_a_panel_has_reason_advice_link_packages_and_log(page):
    text = panel(page, "0.4.7-today")
    for said in ("transformers dropped what it imports", "pin transformers<5", "Causea dependency", "torch==2.13.0",
                 "transformers==4.10.0", "end of 0.4.7-today", 'nox -s "trl_matrix(0.4.7-today)"',
                 "python -m rldk_trl constraints 0.4.7 --lane today"):  # fmt: skip
        assert said in text
    (link,) = page.all("a", href="https://example.org/1")
    assert link["attrs"]["rel"] == "noreferrer"
    assert "GRPOTrainer" in panel(page, "1.16.0")


def test_logs_are_longer_where_the_cell_is_not_as_declared(page):
    assert "line 110 of 0.23.0-today\n" in panel(page, "0.23.0-today")
    assert "line 290 of 0.23.0\n" not in panel(page, "0.23.0")
    assert "end of 0.23.0" in panel(page, "0.23.0")


def test_listed_releases_are_there(page):
    (row,) = [one for one in page.all("tbody") if one["attrs"].get("data-api") == "listed"]
    assert "older than PPOTrainer" in row["text"]


def test_text_of_others_stays_text(page):
    assert EVIL in panel(page, "0.23.0-today")
    assert not page.all("img")
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not [name for one in page.elements for name in one["attrs"] if name.startswith("on") or name == "style"]


def test_only_own_style_and_script_run_and_nothing_is_loaded(page):
    (policy,) = [one["attrs"]["content"] for one in page.all("meta") if "http-equiv" in one["attrs"]]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (one,) = page.all(tag)
        digest = base64.b64encode(hashlib.sha256(one["text"].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
        assert not re.search(r"https?:|url\(|@import|innerHTML|fetch\(|import\(", one["text"])
    assert not page.all("link")
    assert not [one for one in page.elements if one["attrs"].get("src")]
    for one in page.all("a"):
        assert re.match(r"#|https://", one["attrs"]["href"])


def test_ids_are_single_and_links_within_lead_somewhere(page):
    ids = [one["attrs"]["id"] for one in page.elements if "id" in one["attrs"]]
    assert len(ids) == len(set(ids))
    targets = {one["attrs"]["href"][1:] for one in page.all("a", href="#")}
    assert targets <= set(ids)


def test_the_table_has_headings(page):
    assert page.all("caption")
    columns = [one for one in page.all("th", scope="col") if one["attrs"]["scope"] == "col"]
    assert len(columns) == 3 + 2 * 4
    assert [one["attrs"]["aria-sort"] for one in columns if "aria-sort" in one["attrs"]] == ["descending"]
    assert len(page.all("th", scope="row")) == 6 + 5  # releases and bands


def test_what_is_not_as_declared_is_listed_first(page):
    (section,) = page.all("section", **{"class": "attention"})
    assert "Not as declared (3)" in section["text"]
    for cell in ("0.11.4", "0.11.4-today", "0.23.0-today"):
        assert any(one["attrs"]["href"] == f"#cell-{cell}" for one in page.all("a") if "section" in one["inside"])


def test_a_run_in_part_says_so(tmp_path, run):
    matrix, cells = run
    write_synthetic(tmp_path, synthetic_result("0.23.0", args=("-k", "one")))
    write_reports(tmp_path, cells, listed=matrix.listed)
    text = panel(Page((tmp_path / ".matrix/report.html").read_text(encoding="utf-8")), "0.23.0")
    assert "pass, in part" in text
    assert "-k one" in text


@pytest.mark.parametrize("theme", [":root {", ':root[data-theme="dark"] {', ':root:not([data-theme="light"]) {'])
def test_contrast(theme):
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    block = style.partition(theme)[2].partition("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))

    def light(name: str) -> float:
        parts = [int(colours[name][at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    pairs = [(name, name.replace("-ink", "-ground")) for name in colours if name.endswith("-ink")]
    pairs += [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("ground", "card")]
    assert len(pairs) == 12
    for ink, ground in pairs:
        bright, dim = sorted((light(ink), light(ground)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, f"{ink} on {ground}"


def test_every_status_has_a_colour():
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    assert not [sign.key for sign in SIGNS.values() if f".s-{sign.key}" not in style]
    assert not [one.key for one in GENERATIONS.values() if f".g-{one.key} {{ --band" not in style]


def test_the_page_of_the_whole_matrix_is_small(tmp_path):
    """Real rows; synthetic results of real size: 60 packages, a log of 200 long lines, one cell in ten failing."""
    cells = all_cells(load_matrix())
    for number, cell in enumerate(cells):
        result = CellResult(
            cell=cell.id,
            trl=cell.release.version,
            lane=cell.lane.name,
            status="pass" if number % 10 else "fail",
            phase=None,
            reason="a reason " * 40,
            duration_s=30.0,
            packages={f"some-package-{index}": f"{index}.{number}.0" for index in range(60)},
        )
        write_synthetic(tmp_path, result)
        log = "\n".join(f"{index} " + "x" * 110 for index in range(300))
        result_files(tmp_path, cell.id).log.write_text(log, encoding="utf-8")
    paths = write_reports(tmp_path, cells, listed=load_matrix().listed)
    size = paths[3].stat().st_size
    assert size < 1_500_000 * max(1, len(cells) / 200)


@pytest.mark.parametrize(
    ("log", "lines", "characters", "shown"),
    [
        ("a\nb\nc\n", 2, 99, "b\nc"),
        ("a\nb\nc", 9, 99, "a\nb\nc"),
        ("1%\r50%\r100%\nend\r\n", 9, 99, "100%\nend"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07\x00\x08ok\tz", 9, 99, "red ok\tz"),
        ("aaaa\nbbbb\ncccc", 9, 10, "bbbb\ncccc"),
        ("x" * 700, 9, 9999, "x" * 500 + " ..."),
        ("", 9, 99, ""),
    ],
)
def test_end_of_a_log(tmp_path, log, lines, characters, shown):
    path = tmp_path / "log"
    path.write_bytes(log.encode())
    assert log_end(path, lines=lines, characters=characters).text == shown


def test_log_that_is_not_there_or_not_text(tmp_path):
    assert log_end(tmp_path / "log", lines=9, characters=99) is None
    (tmp_path / "log").write_bytes(b"\xff\xfe\n")
    assert log_end(tmp_path / "log", lines=9, characters=99).total == 1


def test_without_jinja_the_other_reports_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert cli.main(["report"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install 'rldk-trl[nox]'" in error
    assert sorted(path.name for path in (tmp_path / ".matrix").iterdir()) == ["badge.svg", "report.json", "report.md"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".matrix/report.json").mkdir(parents=True)
    assert cli.main(["report"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "report.json: cannot be written" in error


def test_broken_results_make_no_page(tmp_path, run):
    matrix, cells = run
    result_files(tmp_path, "0.23.0").json.write_text("{", encoding="utf-8")
    with pytest.raises(ResultError, match="not a result"):
        write_reports(tmp_path, cells, listed=matrix.listed)
    assert not (tmp_path / ".matrix/report.html").exists()


def test_the_same_results_give_the_same_page(tmp_path, run):
    matrix, cells = run
    first = [path.read_bytes() for path in write_reports(tmp_path, cells, listed=matrix.listed)]
    assert first == [path.read_bytes() for path in write_reports(tmp_path, cells, listed=matrix.listed)]


def test_json_has_what_the_page_has(tmp_path, run):
    matrix, cells = run
    path = write_reports(tmp_path, cells, listed=matrix.listed)[0]
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = {row["cell"]: row for row in content["cells"]}
    assert rows["0.4.7-today"]["instead"] == "pin transformers<5"
    assert rows["0.4.7-today"]["cause"] == "dependency"
    assert rows["0.23.0"]["packages"] == synthetic_result("0.23.0").packages
    assert rows["0.23.0"]["tests"] == dataclasses.asdict(synthetic_result("0.23.0").tests)
    assert [one["trl"] for one in content["listed"]] == ["0.1.0"]
