"""Which accelerators `create_ppo_config` finds.

No accelerator, no torch and no accelerate can exist here, so accelerate's functions are stand-ins with the real
signatures. The cells run the real ones: without an accelerator, `use_cpu` is True there.
"""

from __future__ import annotations

import sys
import types

import pytest

from rldk.integrations.trl.config.create import _has_accelerator

KINDS = ("cuda", "mps", "xpu", "npu", "hpu", "mlu", "musa", "sdaa", "neuron")


@pytest.fixture
def utils(monkeypatch):
    """The installed accelerate and a torch that is older than `torch.xpu`."""
    module = types.ModuleType("accelerate.utils")
    for name, stand_in in (("accelerate", types.ModuleType("accelerate")), ("accelerate.utils", module)):
        monkeypatch.setitem(sys.modules, name, stand_in)
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    for kind in KINDS:
        setattr(module, f"is_{kind}_available", lambda check_device=False: False)
    module.is_torch_xla_available = lambda check_is_tpu=False, check_is_gpu=False: False
    return module


def test_without_any_there_is_none(utils):
    assert _has_accelerator() is False


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found(utils, kind):
    setattr(utils, f"is_{kind}_available", lambda check_device=False: True)
    assert _has_accelerator() is True


def test_a_tpu_is_found_and_xla_alone_is_not_one(utils):
    utils.is_torch_xla_available = lambda check_is_tpu=False, check_is_gpu=False: not check_is_tpu
    assert _has_accelerator() is False
    utils.is_torch_xla_available = lambda check_is_tpu=False, check_is_gpu=False: check_is_tpu
    assert _has_accelerator() is True


def test_an_old_accelerate_is_asked_for_what_it_has(utils):
    for name in [name for name in vars(utils) if name.startswith("is_")]:
        delattr(utils, name)
    assert _has_accelerator() is False
    utils.is_tpu_available = lambda check_device=True: check_device
    assert _has_accelerator() is True
