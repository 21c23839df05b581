"""docs/config.md says what the library's own tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from rldk.integrations.trl.config.does_anyway import DOES_ANYWAY
from rldk.integrations.trl.config.unread import NEVER_READ
from rldk.integrations.trl.config.vocabulary import PORTABLE, VOCABULARY
from rldk_maintenance.contract import config_page
from rldk_maintenance.errors import ContractError

PAGE = Path(__file__).parents[2] / "docs" / "config.md"


def test_the_page_is_what_is_made_of_the_tables():
    text = PAGE.read_text(encoding="utf-8")
    assert config_page.fill(text) == text, "run `python -m rldk_maintenance contract --docs`"
    for name in (*PORTABLE, *DOES_ANYWAY, *NEVER_READ):
        assert f"`{name}`" in text


def test_a_page_without_its_blocks_is_an_error():
    with pytest.raises(ContractError, match=r"^config\.md: the blocks are not vocabulary, .*; look at 'anyway'$"):
        config_page.fill("# One vocabulary")


def test_a_portable_name_is_in_one_row():
    assert len(PORTABLE) == len(set(PORTABLE))
    assert all(row.portable for row in VOCABULARY)
