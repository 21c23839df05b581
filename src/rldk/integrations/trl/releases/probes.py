"""Named facts about a generation of TRL's PPO. Each is found by inspecting its classes when it is first read.

The release ranges in the docstrings are documentation. tests/cell/test_facts.py checks each on every release.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from importlib import import_module
from typing import Any

from packaging.version import Version

from rldk.integrations.trl.releases.installed import PPOApi, PPOModule

# Cached, because `inspect` tokenizes the whole file again for each class.
_code_of: Callable[[Any], str] = cache(inspect.getsource)


@dataclasses.dataclass(frozen=True)
class Probes:
    """The classes of one PPO, and the facts that are read from them."""

    version: Version
    api: PPOApi
    module: PPOModule
    trainer: type[Any]
    config: type[Any]
    value_head: type[Any]
    parameters: frozenset[str]
    """Every parameter of the trainer's constructor."""
    names: Mapping[str, str]
    """Our name of a part -> this constructor's name. A part that it does not take is missing."""

    # The config.

    @cached_property
    def options(self) -> tuple[str, ...]:
        """The options that the config class takes, in its order."""
        return tuple(inspect.signature(self.config).parameters)

    @cached_property
    def is_ppov2(self) -> bool:
        """Whether this is ``PPOv2Trainer``, the train API of releases that also have the step API: 0.9.2-0.11.4."""
        return self.config.__name__ == "PPOv2Config"

    def assigns(self, option: str) -> bool:
        """Whether the config or the trainer sets ``option`` itself and ignores the value passed."""
        code = _code_of(self.config) + _code_of(self.trainer)
        return re.search(rf"\b(?:self|config|args)\.{option} = ", code) is not None

    @cached_property
    def overwrites_run_name(self) -> bool:
        """Whether the trainer replaces ``run_name`` with its own: the train API until 0.27.2."""
        return self.api == "train" and self.assigns("run_name")

    @cached_property
    def has_minibatches(self) -> bool:
        """Whether an update is split into minibatches, with an attention mask: from 0.3.0 on."""
        return self.api == "train" or "mini_batch_size" in self.options

    @cached_property
    def counts_minibatches_in_batch(self) -> bool:
        """Whether a local batch includes the factor ``num_mini_batches``: the train API until 0.16.1 (#2531)."""
        return "gradient_accumulation_steps * args.num_mini_batches" in _code_of(self.trainer)

    @cached_property
    def accumulates_gradients(self) -> bool:
        """Whether ``gradient_accumulation_steps`` above 1 gives the gradient of the whole batch: from 0.5.0 on.

        Releases before 0.4.1 have no such option, 0.4.1-0.4.7 lose gradients or never clear them (#321, #583).
        """
        return self.api == "train" or "self.config.backward_batch_size" in _code_of(self.trainer)

    @cached_property
    def checkpoints_by_default(self) -> bool:
        """Whether ``gradient_checkpointing`` is on by default: from 0.22.0 on."""
        defaults = {field.name: field.default for field in dataclasses.fields(self.config)}
        return defaults.get("gradient_checkpointing") is True

    # transformers.

    @cached_property
    def returns_logits(self) -> bool:
        """Whether ``generate`` returns the logits beside the scores: transformers 4.38 and newer."""
        return hasattr(import_module("transformers").GenerationConfig(), "output_logits")

    @cached_property
    def takes_stop_strings(self) -> bool:
        """Whether a string can end a response: transformers 4.39 and newer."""
        return hasattr(import_module("transformers").GenerationConfig(), "stop_strings")

    @cached_property
    def ends_at_several_ids(self) -> bool:
        """Whether each of several EOS ids ends a response: transformers 4.27 and newer."""
        try:
            import_module("transformers.generation.logits_process").MinNewTokensLengthLogitsProcessor(0, 1, [1, 2])
        except ValueError:
            return False
        return True

    # The models.

    @cached_property
    def value_head_of_encoder_decoders(self) -> type[Any]:
        """The value-head class for encoder-decoders, next to the one for causal language models."""
        found: type[Any] = sys.modules[self.value_head.__module__].AutoModelForSeq2SeqLMWithValueHead
        return found

    @cached_property
    def wraps_peft(self) -> bool:
        """Whether the value-head wrapper takes a ``PeftModel``: from 0.4.0 on."""
        return hasattr(self.value_head, "supported_pretrained_model_architectures")

    @cached_property
    def reads_peft_flag(self) -> bool:
        """Whether a wrapper's ``forward`` reads ``is_peft_model``, which only from_pretrained sets: from 0.4.7 on."""
        return "self.is_peft_model" in _code_of(self.value_head.forward)

    @cached_property
    def refers_to_policy_without_adapter(self) -> bool:
        """Whether TRL uses a PEFT policy without its adapter as the reference model if that is None.

        The step API does from 0.4.0 on, the train API from 0.13.0 on. The train API of 0.9.2-0.12.2 fails (#2353).
        """
        return self.wraps_peft if self.api == "step" else hasattr(self.trainer, "null_ref_context")

    @cached_property
    def builds_reference_model(self) -> bool:
        """Whether TRL creates a missing reference model itself: not PPOv2, and not 0.12.0-0.12.2 (#2353)."""
        return self.names.get("ref_model") != "ref_policy"

    @cached_property
    def refuses_policy_as_reference(self) -> bool:
        """Whether the constructor refuses the same object as policy and reference: PPOv2 from 0.11.0, train API."""
        return self.api == "train" and "cannot be the same object" in _code_of(self.trainer)

    @cached_property
    def _policy_and_value(self) -> Any:
        """TRL's module that combines policy and value model; None in the step API."""
        return getattr(sys.modules[self.trainer.__module__], "PolicyAndValueWrapper", None)

    @cached_property
    def reads_checkpointing_flag(self) -> bool:
        """Whether the trainer reads ``is_gradient_checkpointing`` of the policy: from 0.22.0 on."""
        pair = self._policy_and_value
        return pair is not None and "is_gradient_checkpointing" in _code_of(pair)

    @cached_property
    def fails_at_checkpointing(self) -> bool:
        """Whether TRL fails to turn gradient checkpointing off for generation: 0.22.0-0.29.1 (#4954)."""
        return self.reads_checkpointing_flag and not hasattr(self._policy_and_value, "gradient_checkpointing_disable")

    # The trainer.

    @cached_property
    def shortest_response(self) -> int:
        """The minimum number of tokens in a response. 0.2.0-0.4.6 raise ``Responses are too short`` below two."""
        return 2 if "Responses are too short" in _code_of(self.trainer) else 1

    @cached_property
    def generates_batches(self) -> bool:
        """Whether the step API's ``generate`` takes a list of prompts: from 0.4.2 on. Before, it takes one prompt."""
        return hasattr(self.trainer, "_generate_batched")

    @cached_property
    def forwards_both_models(self) -> bool:
        """Whether the step API's forward pass runs policy and reference model in one call: before 0.3.0."""
        forward = getattr(self.trainer, "batched_forward_pass", None)
        return forward is not None and "model" not in inspect.signature(forward).parameters

    @cached_property
    def clips_first_step_only(self) -> bool:
        """Whether ``max_grad_norm`` clips only the first optimizer step: the step API from 0.5.0 on.

        It keeps the parameters to clip in an iterator, which is empty after that step.
        """
        return "self.model_params = filter(" in _code_of(self.trainer)

    @cached_property
    def flattens_with_collections(self) -> bool:
        """Whether ``trl.core`` reads ``collections.Mapping``, which Python 3.10 removed: 0.2.0."""
        core = sys.modules.get("trl.core")
        return core is not None and "collections.Mapping" in _code_of(core)

    @cached_property
    def adds_default_callbacks(self) -> bool:
        """Whether the train API's constructor adds the callbacks passed to its own: not in 0.9.2-0.9.6."""
        return "default_callbacks + callbacks" in _code_of(self.trainer.__init__)

    @cached_property
    def calls_callbacks(self) -> bool:
        """Whether the train API's ``train()`` calls all events. 0.9.2-0.9.6 call only ``on_log``."""
        return self.api == "train" and "on_train_begin" in _code_of(self.trainer.train)

    @cached_property
    def saves_value_model_too(self) -> bool:
        """Whether ``save_model`` collects the weights of both policy and value model: PPOv2 0.9.2-0.9.6."""
        return self.api == "train" and "self.backup_model" in _code_of(self.trainer.save_model)

    @cached_property
    def samples_without_eval_dataset(self) -> bool:
        """Whether ``num_sample_generations`` above 0 runs without an ``eval_dataset``: from 0.29.0 on."""
        return "self.eval_dataset is None" in _code_of(self.trainer)

    @cached_property
    def planned_updates_option(self) -> str:
        """The train API's name for the planned number of updates; ``num_updates`` until 0.9.6."""
        return "num_total_batches" if "num_total_batches" in self.options else "num_updates"
