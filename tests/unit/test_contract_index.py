"""Asking an index, keeping what it gave, and what happens where it does not give it."""

from __future__ import annotations

import hashlib

import pytest
from small_index import FILES, GOOD, entry, read, serve, wheel

from rldk_maintenance.contract import data, index
from rldk_maintenance.contract.collect import problems
from rldk_maintenance.errors import ContractError


@pytest.fixture
def served(monkeypatch):
    with serve() as here:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{here.url}/simple")
        here.add("/files/a.whl", GOOD)
        yield here


@pytest.mark.parametrize("relative", [True, False])
def test_a_json_index(served, tmp_path, relative):
    address = "../../files/a.whl" if relative else f"{served.url}/files/a.whl"
    served.listing(entry("0.10", address), entry("0.9", address, yanked=""), entry("1.0rc1", address, yanked="bad"))
    contract, _ = read(tmp_path)
    assert not problems(contract)
    assert [(release.version, release.yanked) for release in contract.releases] == [
        *(("0.9", True), ("0.10", False), ("1.0rc1", True))
    ]
    assert contract.releases[0].date == "2024-05-06"


@pytest.mark.parametrize("base", ["", '<base href="/files/x/">'])
def test_an_html_index(served, tmp_path, base):
    digest = hashlib.sha256(GOOD).hexdigest()
    address = "../trl-2.0-py3-none-any.whl" if base else "/files/trl-2.0-py3-none-any.whl"
    served.add("/files/trl-2.0-py3-none-any.whl", GOOD)
    link = (
        f'<a href="{address}#sha256={digest}" data-requires-python="&gt;=3.9" data-yanked>trl-2.0-py3-none-any.whl</a>'
    )
    served.add("/simple/trl/", f"<html><head>{base}</head>{link}</html>".encode(), "text/html")
    (release,) = read(tmp_path)[0].releases
    assert (release.version, release.date, release.sha256, release.error) == ("2.0", None, digest, None)
    assert release.yanked


def test_an_index_in_a_folder(tmp_path, monkeypatch):
    page = tmp_path / "simple" / "trl" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text('<a href="../../trl-2.0-py3-none-any.whl">trl-2.0-py3-none-any.whl</a>')
    (tmp_path / "trl-2.0-py3-none-any.whl").write_bytes(GOOD)
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "simple").as_uri())
    contract, _ = read(tmp_path)
    assert not problems(contract)
    assert not list((tmp_path / "cache").rglob("*.whl"))  # without a SHA-256 it could not be told from another


def test_a_missing_wheel_is_an_error_and_no_pass(served, tmp_path):
    served.listing(entry("1.0", "/files/a.whl"), entry("1.1", "/files/gone.whl", b"?"), entry("1.2", "/files/a.whl"))
    contract, out = read(tmp_path)
    (bad,) = problems(contract)
    why = "gone.whl: cannot be had from the index (HTTP 404); check the network and the index's address"
    assert (bad.version, bad.error) == ("1.1", why)
    assert f"1.1: error: {why}" in out
    assert "127.0.0.1" not in data.dump(contract)
    # A release that was not read ends a run: nothing is said of it.
    assert [str(run) for run in contract.runs("ppo")] == ["1.0", "1.2"]
    with pytest.raises(ContractError, match=r"1\.1 was not read"):
        contract.at("1.1", "ppo")


def test_another_wheel_than_the_index_says_is_an_error(served, tmp_path):
    served.listing(entry("1.0", "/files/a.whl", b"another"))
    contract, _ = read(tmp_path)
    assert "its SHA-256 is" in problems(contract)[0].error
    assert not list((tmp_path / "cache").rglob("*.whl"))


def test_a_syntax_error_is_an_error_of_that_release_only(served, tmp_path):
    broken = wheel({**FILES, "trl/trainer/ppo_trainer.py": "class PPOTrainer(:\n"})
    served.add("/files/b.whl", broken)
    served.listing(entry("1.0", "/files/a.whl"), entry("1.1", "/files/b.whl", broken))
    contract, _ = read(tmp_path)
    assert [release.version for release in problems(contract)] == ["1.1"]


def test_a_release_without_a_wheel_is_not_run(served, tmp_path):
    served.listing({"filename": "trl-1.0.tar.gz", "url": "/files/trl-1.0.tar.gz"})
    contract, out = read(tmp_path)
    assert contract.releases[0].not_run == "the index has no wheel of it, only a source distribution"
    assert "1.0: not run" in out


def test_a_second_run_downloads_nothing(served, tmp_path):
    served.listing(entry("1.0", "/files/a.whl"))
    first, _ = read(tmp_path)
    assert sorted(served.paths) == ["/files/a.whl", "/simple/trl/"]
    served.asked.clear()
    assert read(tmp_path)[0] == first
    assert served.paths == ["/simple/trl/"]
    served.asked.clear()
    assert read(tmp_path, offline=True)[0] == first
    assert served.paths == []


def test_offline_without_a_cache(served, tmp_path):
    with pytest.raises(ContractError, match="no list of releases is in the cache"):
        read(tmp_path, offline=True)
    served.listing(entry("1.0", "/files/gone.whl"))
    read(tmp_path)
    assert read(tmp_path, offline=True)[0].releases[0].not_run.startswith("its wheel is not in the cache")


def test_a_corrupt_cache_is_read_anew(served, tmp_path):
    served.listing(entry("1.0", "/files/a.whl"))
    first, _ = read(tmp_path)
    (kept,) = (tmp_path / "cache" / "readings").iterdir()
    (stored,) = (tmp_path / "cache" / "wheels").iterdir()
    kept.write_text(kept.read_text().replace("0.05", "0.06"))
    served.asked.clear()
    assert read(tmp_path)[0] == first
    assert served.paths == ["/simple/trl/"]  # the wheel was still good
    kept.write_bytes(b"\xff")
    stored.write_bytes(GOOD[:100])
    assert read(tmp_path)[0] == first
    assert served.paths[-1] == "/files/a.whl"
    assert stored.read_bytes() == GOOD


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"[1]", "application/vnd.pypi.simple.v1+json"),
        (b"<html></html>", "text/html"),
        (b"\xff", "text/html"),
    ],
)
def test_a_page_that_is_no_index(served, tmp_path, body, kind):
    served.add("/simple/trl/", body, kind)
    with pytest.raises(ContractError, match=r"^trl: the index"):
        read(tmp_path)


def test_the_users_index(monkeypatch):
    assert index.index_url({"PIP_INDEX_URL": "http://a/simple"}) == "http://a/simple"
    both = {"PIP_INDEX_URL": "http://a/simple", "UV_DEFAULT_INDEX": "mine=http://b/simple?x=1"}
    assert index.index_url(both) == "http://b/simple?x=1"


def test_no_index_is_known(monkeypatch):
    def no_module(name):
        raise ImportError(name)

    monkeypatch.setattr(index, "_pip_config_index", lambda environ: None)
    monkeypatch.setattr(index.importlib, "import_module", no_module)
    with pytest.raises(ContractError, match="no package index is known here; set UV_DEFAULT_INDEX or PIP_INDEX_URL"):
        index.index_url({})


SENT = "Basic bWU6czNjcmV0"


def private(served, monkeypatch):
    """Configures the index with credentials in its address."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{served.url.replace('//', '//me:s3cret@')}/simple")


def test_credentials_in_the_address_are_sent_and_not_shown(served, tmp_path, monkeypatch, capfd):
    private(served, monkeypatch)
    served.listing(entry("1.0", "/files/a.whl"), entry("1.1", "/files/gone.whl", b"?"))
    contract, out = read(tmp_path)
    assert [release.version for release in problems(contract)] == ["1.1"]
    assert {sent for _, sent in served.asked} == {SENT}
    assert sorted(served.paths) == ["/files/a.whl", "/files/gone.whl", "/simple/trl/"]
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    for text in (out, data.dump(contract), written, *capfd.readouterr()):
        assert "s3cret" not in text


def test_a_private_index_s_wheel_with_a_full_address_gets_the_credentials(served, tmp_path, monkeypatch):
    private(served, monkeypatch)
    served.listing(entry("1.0", f"{served.url}/files/a.whl"))
    assert not problems(read(tmp_path)[0])
    assert served.asked[-1] == ("/files/a.whl", SENT)


def test_a_redirect_within_the_index_s_host_keeps_the_credentials(served, tmp_path, monkeypatch):
    private(served, monkeypatch)
    served.listing(entry("1.0", "/files/a.whl"))
    served.pages["/mirror/trl/"] = served.pages.pop("/simple/trl/")
    served.redirects["/simple/trl/"] = "/mirror/trl/"
    assert not problems(read(tmp_path)[0])
    assert served.asked == [("/simple/trl/", SENT), ("/mirror/trl/", SENT), ("/files/a.whl", SENT)]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_another_host_s_wheel_gets_no_credentials(served, tmp_path, monkeypatch, host):
    private(served, monkeypatch)
    with serve() as other:  # by another name, or under the same one at another port
        other.add("/files/a.whl", GOOD)
        served.listing(entry("1.0", f"http://{host}:{other.port}/files/a.whl"))
        assert not problems(read(tmp_path)[0])
        assert other.asked == [("/files/a.whl", None)]
    assert served.asked == [("/simple/trl/", SENT)]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("path", ["/simple/trl/", "/files/a.whl"])
def test_a_redirect_to_another_host_loses_the_credentials(served, tmp_path, monkeypatch, host, path):
    private(served, monkeypatch)
    served.listing(entry("1.0", f"{served.url}/files/a.whl"))
    with serve() as other:
        other.pages = dict(served.pages)
        served.redirects[path] = f"http://{host}:{other.port}{path}"
        assert not problems(read(tmp_path)[0])
        assert other.asked == [(path, None)]
    assert {sent for _, sent in served.asked} == {SENT}


def test_an_index_that_is_busy_is_asked_again(served, tmp_path):
    served.listing(entry("1.0", "/files/a.whl"))
    served.busy = {"/simple/trl/": [503], "/files/a.whl": [429]}
    assert not problems(read(tmp_path)[0])
    assert served.paths == ["/simple/trl/"] * 2 + ["/files/a.whl"] * 2


def test_an_index_that_stays_busy_is_one_line(served, tmp_path):
    served.busy = {"/simple/trl/": [503] * 9}
    with pytest.raises(ContractError, match=r"^trl: cannot be had from the index \(HTTP 503\); check the network"):
        read(tmp_path)
    assert served.paths == ["/simple/trl/"] * 3
