"""`PPOOptions` with the parsers of transformers and TRL: a right config from one command line on every release."""

from __future__ import annotations

import dataclasses
import runpy
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from rldk.integrations.trl import PPOOptions, create_ppo_config
from rldk.integrations.trl.config.vocabulary import PORTABLE
from rldk.integrations.trl.releases.generations import installed_generation

pytestmark = [pytest.mark.trl_ppo, pytest.mark.usefixtures("make_ppo_setup")]


@dataclasses.dataclass
class Script:
    dataset_name: str = "none"


@dataclasses.dataclass
class Mine(PPOOptions):
    """With an option of the step API alone."""

    init_kl_coef: float = None


ARGUMENTS = (
    "--dataset_name prompts --output_dir out --learning_rate 1e-4 --num_ppo_epochs 2 --kl_coef 0.07 "
    "--per_device_train_batch_size 4 --num_mini_batches 2 --whiten_rewards false --use_cpu --report_to none"
)
GIVEN = {
    "output_dir": "out",
    "learning_rate": 1e-4,
    "num_ppo_epochs": 2,
    "kl_coef": 0.07,
    "per_device_train_batch_size": 4,
    "num_mini_batches": 2,
    "whiten_rewards": False,
    "use_cpu": True,
    "report_to": ["none"],
}


def parse(kinds, arguments=ARGUMENTS):
    from transformers import HfArgumentParser

    return HfArgumentParser(kinds).parse_args_into_dataclasses(args=arguments.split())


def test_the_parser_of_transformers(row):
    script, options = parse((Script, PPOOptions))
    assert script.dataset_name == "prompts"
    assert options.given() == GIVEN
    config = create_ppo_config(**options.given())
    names = ("ppo_epochs", "init_kl_coef") if row.api == "step" else ("num_ppo_epochs", "kl_coef")
    assert type(config) is installed_generation().config
    assert [getattr(config, name) for name in (*names, "learning_rate")] == [2, 0.07, 1e-4]
    assert (config.batch_size, config.output_dir) == (8 if row.api == "step" else None, "out")
    assert parse((PPOOptions,), "")[0].given() == {}
    assert {field.name for field in dataclasses.fields(PPOOptions)} >= set(PORTABLE)


def test_the_page_s_program(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command_line.py", *ARGUMENTS.split()])
    runpy.run_path(str(Path(__file__).parents[2] / "examples/command_line.py"))
    assert capsys.readouterr().out.splitlines()[-1] == "PPOConfig 0.0001 prompts"


def test_another_option_comes_with_a_dataclass_of_the_users(row):
    (options,) = parse((Mine,), "--init_kl_coef 0.3")
    if row.api == "step":
        assert create_ppo_config(**options.given()).init_kl_coef == 0.3
    else:
        with pytest.raises(TypeError, match=r"does not support 'init_kl_coef': TRL 0\.2\.0-0\.11\.4 supports it"):
            create_ppo_config(**options.given())


@pytest.mark.trl(">=0.10.1", reason="the parser of earlier releases reads YAML for its own scripts only")
def test_the_parser_of_trl(version, tmp_path, monkeypatch):
    if version >= Version("0.13.0"):
        from trl import TrlParser
    else:
        from trl.commands.cli_utils import TrlParser
    file = tmp_path / "config.yaml"
    file.write_text("kl_coef: 0.07\nlearning_rate: 0.5\npush_to_hub: false\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["script.py", "--config", str(file), "--learning_rate", "1e-4"])
    options = TrlParser((Script, PPOOptions)).parse_args_and_config()[1]
    assert options.given() == {"kl_coef": 0.07, "learning_rate": 1e-4, "push_to_hub": False}
    assert create_ppo_config(**options.given()).learning_rate == 1e-4


def test_the_hub_passes_through_or_is_refused(row):
    (options,) = parse((PPOOptions,), "--push_to_hub --hub_model_id me/mine")
    if row.api == "train":
        config = create_ppo_config(**options.given())
        assert (config.push_to_hub, config.hub_model_id) == (True, "me/mine")
    else:
        for name, value in options.given().items():
            with pytest.raises(TypeError, match=rf"does not support '{name}': TRL 0\.12\.0-1\.12\.0 supports it"):
                create_ppo_config(**{name: value})
