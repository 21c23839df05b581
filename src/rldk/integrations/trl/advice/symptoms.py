"""What to check when PPO raises no exception, but something is wrong."""

from __future__ import annotations

from dataclasses import dataclass

_TRL = "huggingface/trl#"
_WHEELS = "read in TRL's wheels"
_ROW = "row of the matrix"


@dataclass(frozen=True)
class Check:
    """One thing to check."""

    look: str
    """What to look at, and what to do, one line."""
    source: str
    """Where this is known from: an issue, a row of the matrix, TRL's wheels, or a paper."""


@dataclass(frozen=True)
class Symptom:
    """Something that users see, and what to check, the most likely cause first."""

    name: str
    """In kebab-case."""
    seen: str
    """What users see, one line."""
    checks: tuple[Check, ...]


SYMPTOMS: tuple[Symptom, ...] = (
    Symptom(
        "negative-kl",
        "the KL is negative: by more than noise, or for many updates",
        (
            Check(
                "sample from the whole distribution: do_sample=True, top_k=0, top_p=1.0 and no minimum length. With "
                "other settings, the responses do not come from the distribution that the KL is estimated with",
                f"{_TRL}235",
            ),
            Check(
                "step API: do not pass a temperature other than 1, because log-probabilities are computed at 1",
                _ROW,
            ),
            Check("turn dropout off in the policy (create_ppo_trainer does)", _ROW),
            Check(
                "pad prompts on the left; with right padding the responses are conditioned on pad tokens", f"{_TRL}487"
            ),
            Check(
                "a single estimate may be below 0: the estimator k1 is only positive on average. From 0.17.0 on, "
                "kl_estimator='k3' is never negative",
                f"{_TRL}3240",
            ),
        ),
    ),
    Symptom(
        "reward-flat-while-kl-grows",
        "the score does not rise while the KL grows",
        (
            Check("look at the responses: if they all became the same, the KL coefficient is too small", f"{_TRL}204"),
            Check("lower learning_rate and num_ppo_epochs, or raise kl_coef", f"{_TRL}204"),
            Check(
                "score some texts by hand with the reward function or model: it must tell a good response from a bad "
                "one",
                "TRL's documentation, huggingface.co/docs/trl/v0.23.0/how_to_train",
            ),
            Check(
                "train API: the reward model's score head must be trained; a classifier loaded from a language model "
                "has a random one",
                "the warning of transformers when it loads the classifier",
            ),
            Check(
                "train API: the learning rate falls to 0 over total_episodes, so make that as long as the run", _ROW
            ),
            Check(
                "train API: without missing_eos_penalty, a response that never ends is scored as any other", _WHEELS
            ),
        ),
    ),
    Symptom(
        "ratio-exceeds",
        "a warning that the average ratio of a batch exceeds the threshold, and that the batch is skipped",
        (
            Check(
                "one or two skipped minibatches are harmless; if they go on, the policy moves too far in one update",
                f"{_TRL}488",
            ),
            Check("lower learning_rate, or num_ppo_epochs", f"{_TRL}1857"),
            Check("turn dropout off in the policy, because it changes the ratio by itself", _ROW),
            Check("check the KL too: see negative-kl", f"{_TRL}1857"),
            Check("0.4.7-0.11.4 have the threshold (ratio_threshold, 10 by default); later releases do not", _WHEELS),
        ),
    ),
    Symptom(
        "out-of-memory",
        "the device runs out of memory, at once or after some updates",
        (
            Check(
                "count the models: the step API holds a policy and a reference model, the train API a policy, a "
                "reference, a reward and a value model; pass peft_config, and the reference model is the policy "
                "without its adapter",
                _WHEELS,
            ),
            Check(
                "train API: lower local_rollout_forward_batch_size and per_device_train_batch_size, and raise "
                "gradient_accumulation_steps",
                f"{_TRL}3664",
            ),
            Check("step API: lower mini_batch_size, and raise gradient_accumulation_steps", _WHEELS),
            Check(
                "lower response_length or the prompts' length: the logits of a rollout have batch * length * "
                "vocabulary numbers",
                f"{_TRL}3664",
            ),
            Check("if it happens after some updates, look for a longer prompt or response there", f"{_TRL}3664"),
            Check(
                "gradient checkpointing of the policy works with create_ppo_trainer; TRL's own train() fails with it "
                "from 0.22.0 to 0.29.1",
                f"{_TRL}4954",
            ),
        ),
    ),
    Symptom(
        "garbled-above-batch-size-1",
        "responses are good with one prompt, and garbled with several",
        (
            Check("pad prompts on the left: tokenizer.padding_side = 'left'", f"{_TRL}2654"),
            Check("pass the attention mask with the prompts, if you call generate yourself", f"{_TRL}487"),
            Check("use a pad token that is not EOS and that has an embedding (prepare_models_for_ppo)", f"{_TRL}466"),
            Check(
                "compare in float32: in half precision some models give other tokens for a padded row",
                f"{_TRL}1941",
            ),
            Check("step API: cut each response at its EOS; TRL removes the padding from 0.4.7 on", f"{_TRL}487"),
        ),
    ),
    Symptom(
        "hang",
        "training stops without an error: no progress, or a time-out of several processes",
        (
            Check(
                "train API: with fewer prompts than one batch of all processes, the loader is empty and is read again "
                "forever (validate_ppo_setup detects it)",
                _ROW,
            ),
            Check("one process: press Ctrl-C, and give the traceback to explain", _ROW),
            Check(
                "several processes: each must take the same number of batches; look for the process that died, or "
                "that takes another way through the code",
                f"{_TRL}151",
            ),
            Check("several processes on 0.2.0-0.4.0: batches of other lengths hang; use 0.4.1 or newer", f"{_TRL}222"),
            Check(
                "a reward pipeline with DeepSpeed ZeRO-3: load it under zero3_init_context_manager(enable=False)",
                "TRL's own example of the step API",
            ),
        ),
    ),
)


def symptom(name: str) -> Symptom:
    """Return the symptom with this name.

    Raises:
        KeyError: There is no such symptom.
    """
    return {one.name: one for one in SYMPTOMS}[name]
