"""The sampling options of `run_ppo`: how they reach the train API, and the warning that they bias the KL estimate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.main_process import warn
from rldk.integrations.trl.releases.quiet import callers_warnings
from rldk.integrations.trl.releases.trainers import generation_of_trainer, tokenizer_of
from rldk.integrations.trl.training.replaced import replaced

# Option -> whether a value takes tokens away from the policy or moves their odds, so that it does not sample as it is.
_CUTS_OFF: Mapping[str, Callable[[Any], bool]] = {
    "top_k": lambda value: value > 0,
    "top_p": lambda value: value < 1,
    "min_p": lambda value: value > 0,
    "typical_p": lambda value: value < 1,
    "min_new_tokens": lambda value: value > 1,  # every response has one token
    "min_length": lambda value: value > 0,
    "do_sample": lambda value: not value,
    "repetition_penalty": lambda value: value != 1,
    "no_repeat_ngram_size": lambda value: value > 0,
    "num_beams": lambda value: value > 1,
}


def warn_if_cut_off(trainer: Any, options: Mapping[str, Any], source: str = "") -> None:
    """Warn once a trainer if ``options``, from ``source``, change what the policy samples."""
    cut = [f"{name}={value}" for name, value in options.items() if _cuts_off(name, value)]
    if cut and not getattr(trainer, "_rldk_warned_of_sampling", False):
        trainer._rldk_warned_of_sampling = True
        warn(
            f"run_ppo: with {', '.join(cut)}{source} the responses are not samples of the policy, so the KL to the "
            "reference model is a biased estimate and can be negative (huggingface.co/docs/trl/v0.23.0/how_to_train): "
            "leave it out to sample from the whole policy",
            stacklevel=3,
        )


def _cuts_off(name: str, value: Any) -> bool:
    return name in _CUTS_OFF and value is not None and _CUTS_OFF[name](value)


def warn_if_model_cuts_off(trainer: Any, options: Mapping[str, Any]) -> None:
    """Warn once a step API trainer if the model's own generation config changes what the policy samples.

    ``generate`` of transformers uses that config for each option that is not in ``options``, its arguments. It is the
    config of the model inside the wrapper; the wrapper's own is not read.
    """
    model = trainer.accelerator.unwrap_model(trainer.model).pretrained_model
    warn_if_cut_off(trainer, _own_options(model, options), " in the model's generation_config")


def _own_options(model: Any, given: Collection[str]) -> dict[str, Any]:
    own = getattr(model, "generation_config", None)
    return {name: _value(own, name) for name in _CUTS_OFF if name not in given}


def _value(config: Any, name: str) -> Any:
    return getattr(config, name, None)  # older releases of transformers do not have each option


def _differ(scores: Sequence[Any], of_policy: Sequence[Any]) -> bool:
    allclose = import_or_explain("torch").allclose
    pairs = zip(scores, of_policy, strict=False)  # beams have other shapes
    return any(used.shape != own.shape or not allclose(used.float(), own, rtol=0.01, atol=0.01) for used, own in pairs)


def ready_to_generate(trainer: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with what ``generate()`` needs besides, and with a length sampler that is checked.

    Raises:
        TypeError: The installed transformers is too old for an option.
        ValueError: A response may end without the tokenizer's EOS, and the config has a penalty for that.
    """
    generation = generation_of_trainer(trainer)
    if options and generation.api == "train":
        if not generation.returns_logits:
            raise TypeError(
                f"run_ppo: {next(iter(options))!r} needs transformers 4.38 or newer in the train API: upgrade it"
            )
        if getattr(trainer.args, "missing_eos_penalty", None) and {"eos_token_id", "stop_strings"} & options.keys():
            raise ValueError(
                "run_ppo: missing_eos_penalty is subtracted from every response without the tokenizer's own EOS: "
                "leave it out of the config, or leave out eos_token_id and stop_strings"
            )
    if isinstance(options.get("eos_token_id"), list | tuple) and not generation.ends_at_several_ids:
        raise TypeError("run_ppo: several 'eos_token_id' need transformers 4.27 or newer: upgrade it, or pass one id")
    if options.get("stop_strings") is not None:
        if not generation.takes_stop_strings:
            raise TypeError(
                "run_ppo: 'stop_strings' needs transformers 4.39 or newer: upgrade it, or pass eos_token_id, a list "
                "of the ids that end a response"
            )
        options = {"tokenizer": tokenizer_of(trainer), **options}
    if options.get("length_sampler") is not None:
        options = {**options, "length_sampler": _checked(options["length_sampler"])}
    return options


def _checked(length_sampler: Callable[[], Any]) -> Callable[[], int]:
    def length() -> int:
        with callers_warnings():
            drawn = length_sampler()
        if drawn < 1:
            raise ValueError(f"run_ppo: length_sampler returned {drawn}: it must return a length of 1 or more tokens")
        return int(drawn)

    return length


def without_padding_after_stop(tokenizer: Any, response: Any, stop_strings: Any) -> Any | None:
    """Return a response that a stop string ended without the padding after it. None if no stop string ended it."""
    tokens = (response != tokenizer.pad_token_id).nonzero()
    ended = response[: int(tokens[-1]) + 1] if len(tokens) else response[:0]
    strings = [stop_strings] if isinstance(stop_strings, str) else stop_strings or []
    text = tokenizer.decode(ended) if strings else ""
    return ended if any(string in text for string in strings) else None


@contextmanager
def policy_samples_with(trainer: Any, policy: Any, options: Mapping[str, Any]) -> Iterator[None]:
    """Within the context, ``policy.generate`` takes these options too, and TRL gets the policy's log-probabilities.

    TRL's train API (0.9.2-1.12.0) computes the log-probabilities of the rollout from the scores that ``generate``
    returns. Those have a probability of 0 for each token that the options cut off, but the reference model and the
    optimization do not. So the scores are replaced by the logits divided by the temperature.

    A response may end early here, so it is padded to ``response_length``: releases until 0.11.4 put batches together
    that must have one length.
    """
    # transformers 4.50 and newer also samples with some options of a generation config that the user gave.
    if not options and (
        getattr(trainer, "_rldk_hides_defaults", True) or not generation_of_trainer(trainer).returns_logits
    ):
        yield
        return
    pad = tokenizer_of(trainer).pad_token_id
    # Until 0.10.1, TRL asks for a minimum of `response_length` tokens and cuts the response afterwards.
    given = {"min_new_tokens": None, "pad_token_id": pad, **options} if options else {}
    if "stop_strings" in given and policy.generation_config.eos_token_id is None:
        # Without an EOS id, transformers goes on after the string until the whole batch has ended. TRL's responses end
        # before a padding token, so that is the id.
        given.setdefault("eos_token_id", pad)
    length_sampler, generate = given.pop("length_sampler", None), policy.generate
    is_users_config = not getattr(trainer, "_rldk_hides_defaults", True)

    def generate_with_options(*args: Any, generation_config: Any, **kwargs: Any) -> Any:
        torch, longest = import_or_explain("torch"), generation_config.max_new_tokens
        arguments = {**kwargs, **given}
        if length_sampler is not None:
            arguments["max_new_tokens"] = length = length_sampler()
            if length > longest:
                raise ValueError(
                    f"run_ppo: length_sampler returned {length}, but response_length is {longest}: "
                    f"raise response_length in create_ppo_config"
                )
        output = generate(*args, generation_config=generation_config, output_logits=True, **arguments)
        scores = [logits.float() / generation_config.temperature for logits in output.logits]
        by_trl = generation_config.min_new_tokens  # until 0.10.1; the scores show this too
        if is_users_config and not by_trl and _differ(output.scores, scores):
            default = type(generation_config)()  # TRL's values that are the default leave the user's in place
            set_by_trl = {name for name in _CUTS_OFF if _value(generation_config, name) != _value(default, name)}
            with callers_warnings():
                warn_if_cut_off(trainer, _own_options(policy, set_by_trl | arguments.keys()), " in generation_config")
        short = longest - len(scores)
        output.scores = (*scores, *[torch.zeros_like(scores[0])] * short)
        output.sequences = torch.nn.functional.pad(output.sequences, (0, short), value=pad)
        return output

    with replaced(policy, generate=generate_with_options):
        yield
