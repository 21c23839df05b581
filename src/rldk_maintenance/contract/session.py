"""``python -m rldk_maintenance contract``: reads the releases, and writes the data and all that is made from it."""

from __future__ import annotations

from pathlib import Path

from rldk_maintenance.contract import config_page, data, name_places, option_releases, tables
from rldk_maintenance.contract.collect import collect, problems
from rldk_maintenance.contract.data import Contract
from rldk_maintenance.errors import ContractError
from rldk_trl.files import write_whole
from rldk_trl.matrix.loader import checkout_root

_DATA_FILE = data.DATA_FILE


def docs_page() -> Path:
    """docs/generations.md of the source checkout.

    Raises:
        ContractError: this package does not run from a source checkout.
    """
    page = checkout_root() / "docs" / "generations.md"
    if not page.is_file():
        raise ContractError("contract: docs/generations.md is not there; run it in a source checkout of rldk-trl")
    return page


def write_contract(*, offline: bool = False) -> list[Path]:
    """Read every release; write the data and, if all were read, what is made from it.

    Raises:
        ContractError: the index does not answer, or some release was not read. What was read is written.
    """
    page = docs_page()
    contract = collect(checkout_root() / ".matrix" / "cache" / "contract", offline=offline)
    data.write(contract, _DATA_FILE)
    unread = problems(contract)
    if unread:
        first = unread[0]
        raise ContractError(
            f"contract: {len(unread)} of {len(contract.releases)} releases were not read, first {first.version} "
            f"({first.error or first.not_run}); releases.json lists them, the docs were left; fix that and run again"
        )
    return [_DATA_FILE, *_write_made(contract, page)]


def write_made() -> list[Path]:
    """Make the docs and the library's table from the data as it is; uses no network.

    Raises:
        ContractError: the data cannot be read, or lacks a release.
    """
    contract = data.load(_DATA_FILE)
    unread = problems(contract)
    if unread:
        raise ContractError(f"releases.json: {unread[0].version} was not read; run `nox -s trl_contract`")
    return _write_made(contract, docs_page())


def _write_made(contract: Contract, page: Path) -> list[Path]:
    write_whole(page, tables.fill(page.read_text(encoding="utf-8"), contract))
    write_whole(option_releases.OPTIONS_FILE, option_releases.dump(contract))
    write_whole(name_places.NAMES_FILE, name_places.dump(contract))
    made = [page, option_releases.OPTIONS_FILE, name_places.NAMES_FILE]
    beside = page.with_name("config.md")
    if beside.is_file():
        write_whole(beside, config_page.fill(beside.read_text(encoding="utf-8")))
        made.append(beside)
    return made
