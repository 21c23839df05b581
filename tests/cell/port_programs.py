"""Two small programs with TRL's own classes, one for each API, and what the `port` command says about them followed.

Both are given ``FOLDER`` (a saved tiny model), ``NAME`` (the same), ``dataset`` and the Auto classes of transformers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from rldk.integrations.trl.advice.porting.finding import Finding

STEP_PROGRAM = """
import torch
from transformers import AutoTokenizer
from trl import AutoModelForCausalLMWithValueHead, PPOConfig, PPOTrainer

tokenizer = AutoTokenizer.from_pretrained(FOLDER)
model = AutoModelForCausalLMWithValueHead.from_pretrained(FOLDER)
ref_model = AutoModelForCausalLMWithValueHead.from_pretrained(FOLDER)
options = {"init_kl_coef": 0.1, "steps": 4}
config = PPOConfig(
    model_name=FOLDER,
    learning_rate=1e-3,
    ppo_epochs=2,
    batch_size=4,
    mini_batch_size=2,
    log_with=None,
    **options,
)
trainer = PPOTrainer(config, model, ref_model, tokenizer, dataset=dataset)
queries = [torch.tensor([5, 6, 7, 8])] * config.batch_size
responses = [torch.tensor([7 + number, 8, 9]) for number in range(4)]
stats = trainer.step(queries, responses, [torch.tensor(float(number)) for number in range(4)])
"""

TRAIN_PROGRAM = """
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import PPOConfig, PPOTrainer

tokenizer = AutoTokenizer.from_pretrained(FOLDER)
config = PPOConfig(
    output_dir=OUTPUT,
    learning_rate=1e-3,
    num_ppo_epochs=2,
    kl_coef=0.1,
    per_device_train_batch_size=2,
    num_mini_batches=2,
    total_episodes=4,
    response_length=8,
    report_to="none",
    num_sample_generations=0,
)
trainer = PPOTrainer(
    args=config,
    processing_class=tokenizer,
    model=AutoModelForCausalLM.from_pretrained(FOLDER),
    ref_model=AutoModelForCausalLM.from_pretrained(FOLDER),
    reward_model=AutoModelForSequenceClassification.from_pretrained(FOLDER, num_labels=1),
    train_dataset=dataset,
    value_model=AutoModelForSequenceClassification.from_pretrained(FOLDER, num_labels=1),
)
trainer.train()
"""
# The order of the step API's constructor: docs/generations.md.
_POSITIONAL = ("config", "model", "ref_model", "tokenizer")


def followed(program: str, findings: Iterable[Finding], more_options: str = "") -> str:
    """Replace each use that a finding names with the code that it says to write, or take it out where it says none."""
    tree = _Following(list(findings), more_options).visit(ast.parse(program))
    return ast.unparse(ast.fix_missing_locations(tree))


class _Following(ast.NodeTransformer):
    def __init__(self, findings: list[Finding], more_options: str) -> None:
        self.findings = findings
        self.more = more_options

    def _said(self, *kinds: str) -> dict[str, list[Finding]]:
        said: dict[str, list[Finding]] = {}
        for finding in self.findings:
            if finding.kind in kinds:
                said.setdefault(finding.name, []).append(finding)
        return said

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        said = self._said("import")
        kept = [alias for alias in node.names if f"{node.module}.{alias.name}" not in said]
        new = [
            statement
            for alias in node.names
            for finding in said.get(f"{node.module}.{alias.name}", [])
            if finding.write is not None
            for statement in ast.parse(finding.write).body
        ]
        return [*([ast.ImportFrom(node.module, kept, 0)] if kept else []), *new]

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        called = ast.unparse(node.func)
        if called == "PPOConfig":
            node.keywords = [*self._keywords(node, "option"), *_keywords_of(self.more)]
        elif called == "PPOTrainer":
            said = self._said("argument", "model")
            positional = dict(zip(_POSITIONAL, node.args, strict=False))
            node.args = [value for name, value in positional.items() if name not in said]
            given = [ast.keyword(name, value) for name, value in positional.items() if name in said]
            node.keywords = [*given, *node.keywords]
            node.keywords = self._keywords(node, "argument", "model")
        elif called.endswith("WithValueHead.from_pretrained"):
            for finding in self._said("model").get(called.partition(".")[0], [])[:1]:
                return ast.parse(str(finding.write), mode="eval").body
        return node

    def _keywords(self, node: ast.Call, *kinds: str) -> list[ast.keyword]:
        said = self._said(*kinds)
        flat = [part for keyword in node.keywords for part in _expanded(keyword)]
        kept = [keyword for keyword in flat if keyword.arg not in said]
        written = [finding.write for each in said.values() for finding in each if finding.write is not None]
        # A later finding about an argument replaces an earlier one: model, its name and then its kind.
        return list({keyword.arg: keyword for keyword in [*kept, *_keywords_of(", ".join(written))]}.values())

    def visit_Assign(self, node: ast.Assign) -> Any:
        return self._statement(node, node.value)

    def visit_Expr(self, node: ast.Expr) -> Any:
        return self._statement(node, node.value)

    def _statement(self, node: ast.stmt, value: ast.expr) -> Any:
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            for finding in self._said("call").get(value.func.attr, []):
                return ast.parse(finding.write).body if finding.write is not None else None
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        for finding in self._said("attribute").get(node.attr, []):
            if finding.write is not None:
                return ast.parse(finding.write, mode="eval").body
        return self.generic_visit(node)


def _expanded(keyword: ast.keyword) -> list[ast.keyword]:
    if keyword.arg is not None:
        return [keyword]
    return _keywords_of("init_kl_coef=0.1, steps=4")  # **options of the step program


def _keywords_of(code: str) -> list[ast.keyword]:
    call = ast.parse(f"f({code})", mode="eval").body
    assert isinstance(call, ast.Call)
    return call.keywords
