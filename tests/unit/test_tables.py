"""The tables of what cells have seen: from results to the data file, and what is refused."""

from __future__ import annotations

import dataclasses
import json

import pytest

from rldk.integrations.trl.advice.failures import failure
from rldk_maintenance import cli
from rldk_maintenance.errors import MaintenanceError
from rldk_maintenance.tables import command, data
from rldk_maintenance.tables.collect import combine, disagreements, read_notes
from rldk_maintenance.tables.spans import counted, releases_of, spans
from rldk_trl.matrix.cells import all_cells
from rldk_trl.runner.junit import read_junit
from rldk_trl.runner.results import result_files, write_result
from synthetic_run import STATUSES, synthetic_matrix, synthetic_result, write_synthetic

ORDER = ("0.2.0", "0.9.6", "0.10.1", "1.0.0rc1", "1.0.0", "1.16.0")
ENTRY = "wrapper-without-generation-config"


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ((), ""),
        (("0.9.6",), "0.9.6"),
        (("0.9.6", "0.10.1"), "0.9.6-0.10.1"),
        (("1.16.0", "0.2.0", "1.0.0rc1", "1.0.0"), "0.2.0, 1.0.0rc1-1.16.0"),
        (ORDER, "0.2.0-1.16.0"),
    ],
)
def test_spans(chosen, text):
    assert spans(chosen, ORDER) == text
    assert releases_of(text, ORDER) == set(chosen)
    assert counted(chosen, ORDER) == (f"{text} ({len(chosen)})" if chosen else "-")


def test_spans_of_releases_that_are_no_rows():
    with pytest.raises(ValueError, match=r"not a row of the matrix: 0\.3\.0"):
        spans(["0.3.0"], ORDER)


def junit(*notes: tuple[str, str]) -> str:
    properties = "".join(f'<property name="{name}" value="{value}"/>' for name, value in notes)
    cases = f'<testcase name="test_it"><properties>{properties}</properties></testcase>'
    rest = (
        '<testcase name="test_rest"/>' * 76 + '<testcase name="test_no"><skipped type="pytest.skip"/></testcase>' * 2
    )
    return f"<testsuites><testsuite>{cases}{rest}</testsuite></testsuites>"


GOOD = {cell: synthetic_result(cell, status="pass", reason=None) for cell in STATUSES if not cell.startswith("1.16.0")}
GOOD["0.26.2-today"] = dataclasses.replace(GOOD["0.26.2"], cell="0.26.2-today", lane="today")
GOOD |= {cell: synthetic_result(cell) for cell in ("1.16.0", "1.16.0-today")}
GOOD["0.4.7-today"] = synthetic_result("0.4.7-today", tests=type(GOOD["0.4.7"].tests)())


@pytest.fixture
def run(tmp_path):
    """Writes every cell's result, as declared, with the notes given for some; returns the cells."""

    def write(notes):
        for cell, result in GOOD.items():
            write_synthetic(tmp_path, result)
            result_files(tmp_path, cell).junit.write_text(junit(*notes.get(cell, ())))
        return all_cells(synthetic_matrix(tmp_path))

    return write


def test_from_results_to_the_data_file_and_back(tmp_path, run):
    note = ("rldk_trl:features", "reward function: works")
    cells = run(
        {
            "0.11.4": [note, ("other", "not ours"), ("rldk_trl:ablation", "a: b: not needed")],
            "0.23.0": [note, ("rldk_trl:defaults", "x: {'a': 1}")],
            "0.23.0-today": [("rldk_trl:features", "reward function: refused")],
        }
    )
    measured = combine(cells, read_notes(tmp_path, cells))
    assert measured.releases == ("0.4.7", "0.11.4", "0.23.0", "0.26.2", "1.16.0")
    assert measured.no_ppo == {"1.16.0"}
    assert measured.cells == (10, 10)
    assert measured.finished == "2026-11-20"
    assert measured.ppo("today") == {"0.11.4", "0.23.0", "0.26.2"}  # 0.4.7 does not import there, as declared
    assert measured.seen("features", "reward function", "works", "period") == {"0.11.4", "0.23.0"}
    assert measured.seen("features", "reward function", "refused", "today") == {"0.23.0"}
    assert measured.seen("features", "reward function", "works", "today") == frozenset()
    assert measured.seen("ablation", "a: b", "not needed", "period") == {"0.11.4"}
    assert measured.tables["defaults"] == {"x": {"{'a': 1}": {"period": {"0.23.0"}}}}
    assert measured.seen("failures", ENTRY, data.DECLARED_THERE, "period") == {"0.11.4", "0.23.0", "0.26.2"}
    path = tmp_path / "measured.json"
    data.write(measured, path)
    assert data.load(path) == measured
    first = path.read_bytes()
    data.write(data.load(path), path)
    assert path.read_bytes() == first


SOURCE = """
    import pytest

    @pytest.fixture
    def note(record_property):
        return lambda saw: record_property("rldk_trl:features", f"it: {saw}")

    def test_passes(note): note("passed")

    def test_fails(note):
        note("failed")
        assert False

    @pytest.mark.xfail
    def test_xfails(note):
        note("xfailed")
        assert False

    def test_skips(note):
        note("skipped")
        pytest.skip()

    @pytest.fixture
    def breaks():
        yield
        raise ValueError

    def test_broken_afterwards(note, breaks): note("broken")
"""


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "2")], ids=["serial", "xdist"])
def test_only_tests_that_passed_count(pytester, options):
    pytester.makepyfile(SOURCE)
    pytester.runpytest_subprocess("--junitxml=it.xml", "-p", "no:cacheprovider", *options)
    assert read_junit(pytester.path / "it.xml").properties == (("rldk_trl:features", "it: passed"),)


def test_the_failure_of_an_import_is_read_from_the_log(tmp_path, run):
    cells = run({})
    said = f"Exit: rldk-trl: PPO cannot be imported: AttributeError: {failure(ENTRY).message}".replace(r"\w+", "M")
    result_files(tmp_path, "0.4.7-today").log.write_text(f"{said}\n")
    noted = read_notes(tmp_path, cells)
    assert [cell.notes for cell in noted if cell.result.cell == "0.4.7-today"] == [
        (("failures", ENTRY, "reproduced"),)
    ]
    (line,) = disagreements(noted)
    assert line == f"0.4.7-today: {ENTRY} was reproduced where it is not declared to happen"


@pytest.mark.parametrize(
    ("cell", "note", "said"),
    [
        ("0.23.0", f"{ENTRY}: absent", "was absent where it is declared to happen"),
        ("0.4.7", f"{ENTRY}: fixed", "was fixed where it is not declared to happen"),
        ("0.4.7", "nonsense: found", "'nonsense' is not an entry of the catalogue"),
    ],
)
def test_a_test_that_contradicts_the_catalogue(tmp_path, run, cell, note, said):
    cells = run({cell: [("rldk_trl:failures", note)]})
    (line,) = disagreements(read_notes(tmp_path, cells))
    assert line.startswith(f"{cell}: ")
    assert said in line


def test_tests_that_agree_with_the_catalogue(tmp_path, run):
    here, not_here = [
        [("rldk_trl:failures", f"{ENTRY}: {saw}") for saw in group]
        for group in (("reproduced", "found", "fixed"), ("absent", "quiet"))
    ]
    cells = run({"0.23.0": here, "0.4.7": not_here})
    assert disagreements(read_notes(tmp_path, cells)) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rldk_trl:feature", "it: works", "table one of failures, ablation, features, families, defaults"),
        ("rldk_trl:features", "it works", "write measure"),
        ("rldk_trl:features", ": works", "write measure"),
        ("rldk_trl:ablation", "it: maybe", "write one of needed, not needed"),
    ],
)
def test_a_note_that_cannot_be_meant(tmp_path, run, name, value, said):
    cells = run({"0.23.0": [(name, value)]})
    with pytest.raises(MaintenanceError, match=r"^tables: 0\.23\.0: ") as caught:
        read_notes(tmp_path, cells)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cells_that_are_missing_or_failed(tmp_path, run):
    cells = run({"0.23.0": [("rldk_trl:features", "it: works")]})
    result_files(tmp_path, "0.4.7").remove()
    write_result(tmp_path, dataclasses.replace(GOOD["0.11.4"], status="fail"))
    write_result(tmp_path, dataclasses.replace(GOOD["0.26.2"], args=("-k", "it")))
    with pytest.raises(MaintenanceError) as caught:
        read_notes(tmp_path, cells)
    assert str(caught.value) == (
        "tables: 1 cells have no result (0.4.7), 1 cells are not as declared (0.11.4), 1 cells ran in part (0.26.2); "
        "run `nox -s trl_matrix`, or take what is there with --partial"
    )
    measured = combine(cells, read_notes(tmp_path, cells, partial=True))
    assert measured.cells == (10, 9)
    assert measured.seen("features", "it", "works", "period") == {"0.23.0"}


@pytest.mark.parametrize(
    ("text", "said"), [("<", "not XML"), ("<a/>", "0.23.0.xml is of another run than 0.23.0.json")]
)
def test_junit_that_is_not_the_result_s(tmp_path, run, text, said):
    cells = run({})
    result_files(tmp_path, "0.23.0").junit.write_text(text)
    with pytest.raises(MaintenanceError, match="run the cell again") as caught:
        read_notes(tmp_path, cells)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 2}', None])
def test_a_data_file_that_cannot_be_read(tmp_path, text):
    path = tmp_path / "measured.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(
        MaintenanceError, match=r"^measured\.json: not readable .*`python -m rldk_maintenance tables`$"
    ):
        data.load(path)


def test_the_command(tmp_path, run, monkeypatch, capsys):
    notes = [
        ("features", "it: works"),
        ("features", "another: works"),
        ("ablation", "z: needed"),
        ("ablation", "y: needed"),
    ]
    cells = run({"0.23.0": [(f"rldk_trl:{table}", note) for table, note in notes]})
    (tmp_path / "matrix.toml").touch()
    monkeypatch.setattr(command, "checkout_root", lambda: tmp_path)
    monkeypatch.setattr(command, "load_matrix", lambda: cells[0].matrix)
    monkeypatch.setattr(command, "DATA_FILE", tmp_path / "measured.json")
    assert cli.main(["tables"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *("measured.json", "docs/failures.md", "docs/measured.md", "src/rldk/integrations/trl/config/defaults.json")
    ]
    assert json.loads((tmp_path / "measured.json").read_text())["cells"] == [10, 10]
    assert cli.main(["tables", "--check"]) == 0
    page = tmp_path / "docs/measured.md"
    text = page.read_text()
    page.write_text(text + "more")
    assert cli.main(["tables", "--check"]) == 2
    assert page.read_text() == text + "more"
    assert "docs/measured.md does not match the data" in capsys.readouterr().err
    assert cli.main(["tables", "--docs"]) == 0
    assert page.read_text() == text
    result_files(tmp_path, "0.23.0").remove()
    before = (tmp_path / "measured.json").read_bytes()
    assert cli.main(["tables"]) == 2
    assert (tmp_path / "measured.json").read_bytes() == before
    assert cli.main(["tables", "--partial"]) == 0
    assert "only 9 of 10 cells" in page.read_text()


def test_outside_a_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "checkout_root", lambda: tmp_path)
    assert cli.main(["tables"]) == 2
    assert "tables: not in a source checkout of rldk-trl; run it in one" in capsys.readouterr().err
