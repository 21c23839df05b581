"""Failures of a loop of one's own around the step API: generate, score, step."""

from __future__ import annotations

from rldk.integrations.trl.advice.catalogue.failure import Failure

_TRL = "https://github.com/huggingface/trl/issues"

STEP_LOOP_FAILURES: tuple[Failure, ...] = (
    Failure(
        id="batch-of-prompts-to-generate",
        message=r"query_tensor must be a tensor of shape"
        r"|The size of tensor a \(\d+\) must match the size of tensor b \(\d+\) at non-singleton dimension 0"
        r"|shape '\[-1, \d+\]' is invalid for input of size \d+",
        releases=">=0.2,<0.12",
        cause="the trainer's generate() was given a batch as a tensor of two dimensions; it takes one prompt of one "
        "dimension or, from 0.4.2 on, a list of them; if it got a list, the model's own code does not support batches",
        advice="pass list(batch), or run updates with run_ppo",
        link=f"{_TRL}/793",
        found=False,
    ),
    Failure(
        id="step-wants-lists-of-tensors",
        message=r"(?:queries|responses|scores|rewards) must be a list of tensors|Elements in \w+ must be tensors"
        r"|Scores must be 1-dimensional",
        releases=">=0.2,<0.12",
        cause="the trainer's step() was given something else than three lists of tensors: queries and responses of "
        "one dimension, and one score each",
        advice="pass lists: list(queries), list(responses), [torch.tensor(score) for score in scores], or run updates "
        "with run_ppo",
        link=f"{_TRL}/148",
        found=False,
        only_trl=True,
    ),
    Failure(
        id="generation-as-a-dict",
        message=r"'in <string>' requires string as left operand, not int",
        releases=">=0.4.7,<0.12",
        cause="the trainer's generate() was called with return_dict_in_generate=True, which the trainer's generate() "
        "does not support for a list of prompts",
        advice="leave return_dict_in_generate out, or call the model's own generate()",
        link=f"{_TRL}/2034",
        found=False,
    ),
    Failure(
        id="empty-response",
        message=r"(?:index )?-1 is out of bounds for dimension 0 with size 0",
        releases=">=0.4.7,<0.12",
        cause="the trainer's step() was given a response without tokens",
        advice="leave empty responses out of the batch or set min_new_tokens, or run updates with run_ppo, which "
        "generates at least two tokens",
        link=f"{_TRL}/679",
        found=False,
    ),
    Failure(
        id="tokenizer-not-given",
        message=r"tokenizer must be a PreTrainedTokenizer(?:Base)?\b",
        releases=">=0.2,<0.12",
        cause="the trainer got no tokenizer: it was left out, or the trainer was made by PPOTrainer.from_pretrained, "
        "which does not restore a trainer",
        advice="pass tokenizer to the constructor, or use create_ppo_trainer; to go on with a run, use "
        "save_ppo_checkpoint and load_ppo_checkpoint",
        link=f"{_TRL}/1934",
        found=False,
    ),
    Failure(
        id="subclass-without-response-masks",
        message=r"batched_forward_pass\(\) ?got an unexpected keyword argument 'response_masks'",
        releases=">=0.7.0,<0.12",
        cause="a subclass of PPOTrainer overrides batched_forward_pass without the parameter response_masks, which "
        "step() passes from 0.7.0 on",
        advice="add response_masks=None to its parameters, or use the TRL that the subclass was written for",
        link="https://github.com/hiyouga/LlamaFactory/issues/1164",
        found=False,
    ),
)
