"""The plugin page's test of two processes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "examples/pytest_plugin/test_two_processes.py"


def test_the_plugin_page_s_test_passes(ppo_processes: Any, monkeypatch: Any) -> None:
    spec = importlib.util.spec_from_file_location("test_two_processes", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "test_two_processes", example)
    spec.loader.exec_module(example)
    example.test_two_processes_train_together(ppo_processes)
