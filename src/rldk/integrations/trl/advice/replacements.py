"""What to write instead of a public name that TRL has nowhere any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version


@dataclass(frozen=True)
class Replacement:
    """An import that does the same, or what to know about the name, or both. Cells try them."""

    code: str | None = None
    note: str | None = None
    since: str = "0.2.0"
    """The first TRL release with a transformers that has it."""

    def is_on(self, version: Version | None) -> bool:
        """Whether a TRL release has it; True if the release is not known."""
        return version is None or version >= Version(self.since)

    @property
    def advice(self) -> str:
        """The replacement in words."""
        return self.note or f"write {self.code}"


_PART = "a part of the step API's update; the train API has it inside train()"
_UTILS = "from transformers.utils import"

REPLACEMENTS: Mapping[str, Replacement] = {
    "PPOv2Trainer": Replacement(note="write PPOTrainer, which has the same API from 0.12.0 on"),
    "PPOv2Config": Replacement(note="write PPOConfig, which has the same API from 0.12.0 on"),
    "GPT2HeadWithValueModel": Replacement(note="write AutoModelForCausalLMWithValueHead.from_pretrained('gpt2')"),
    "set_seed": Replacement("from transformers import set_seed", "write transformers.set_seed(seed)"),
    "is_xpu_available": Replacement(f"{_UTILS} is_torch_xpu_available as is_xpu_available", since="0.11.0"),
    "is_npu_available": Replacement(f"{_UTILS} is_torch_npu_available as is_npu_available", since="0.11.0"),
    "is_peft_available": Replacement(f"{_UTILS} is_peft_available", since="0.11.0"),
    "LengthSampler": Replacement(
        note="write random.choice(range(low, high)); train() makes all responses response_length long, but run_ppo "
        "takes a function that draws a length as length_sampler"
    ),
    "respond_to_batch": Replacement(
        note="write model.generate(queries, max_new_tokens=20, do_sample=True, top_k=0, top_p=1.0) and cut the prompt "
        "off, or let run_ppo generate"
    ),
    "create_reference_model": Replacement(
        note="write copy.deepcopy(model), or leave it out where the trainer makes its own"
    ),
    "AdaptiveKLController": Replacement(
        note="the KL coefficient of train() is fixed; create_ppo_config(adap_kl_ctrl=True) adapts it in run_ppo"
    ),
    "FixedKLController": Replacement(
        note="write create_ppo_config(kl_coef=...); the train API's coefficient is fixed"
    ),
    "logprobs_from_logits": Replacement(
        note=f"write logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1); it is {_PART}"
    ),
    "entropy_from_logits": Replacement(note="write torch.distributions.Categorical(logits=logits).entropy()"),
    "clip_by_value": Replacement(note="write torch.clamp(x, low, high)"),
    "PPODecorators": Replacement(note=f"leave it out: {_PART}"),
}
