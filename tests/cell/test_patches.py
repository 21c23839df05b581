"""docs/patches.md: nothing is left on a class or module of TRL's, and what is changed for a while comes back."""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from rldk.integrations.trl import run_ppo, save_ppo_checkpoint
from rldk.integrations.trl.releases.generations import installed_generation

PAGE = Path(__file__).parents[2] / "docs/patches.md"


def of_trl() -> dict[Any, dict[str, Any]]:
    """Every class and module of TRL's that PPO uses, with what stands in it."""
    generation = installed_generation()
    parts = [generation.trainer, generation.config, generation.value_head]
    pair = getattr(sys.modules[generation.trainer.__module__], "PolicyAndValueWrapper", None)
    classes = {cls for part in (*parts, *([pair] if pair else [])) for cls in part.__mro__}
    classes = {cls for cls in classes if cls.__module__.partition(".")[0] == "trl"}
    modules = {module for name, module in sys.modules.items() if name.partition(".")[0] == "trl"}
    return {owner: dict(vars(owner)) for owner in classes | modules}


@pytest.mark.trl_ppo
def test_nothing_is_left_on_trl(make_ppo_setup, tmp_path):
    before, filters = of_trl(), list(warnings.filters)
    options = {"max_grad_norm": 1e-3} if installed_generation().clips_first_step_only else {}
    setup = make_ppo_setup(reward=lambda texts: [float(len(text)) for text in texts], **options)
    side = setup.tokenizer.padding_side
    trainer = setup.create_trainer()
    loader = trainer.dataloader
    run_ppo(trainer, steps=2)
    save_ppo_checkpoint(trainer, tmp_path / "checkpoint")
    after = of_trl()
    for owner, held in before.items():
        now = after[owner]
        # A lazy module gains what is asked for; Python keeps caches of its own on a class.
        gained = set() if inspect.ismodule(owner) else now.keys() - held.keys()
        changed = gained | {name for name in held if held[name] is not now.get(name)}
        assert not {name for name in changed if not name.startswith(("_abc_", "__"))}, owner
    assert warnings.filters == filters
    assert setup.tokenizer.padding_side == side
    assert trainer.dataloader is loader


def test_the_page_names_what_is_there():
    """Each row of the page names a function of the library in its last column."""
    source = Path(__file__).parents[2] / "src/rldk/integrations/trl"
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) >= 12
    for row in rows:
        place, name = re.findall(r"`([^`]+)`", row.split("|")[-2])
        assert re.search(rf"(?:def|class) {name}\b", (source / place).read_text(encoding="utf-8")), row
