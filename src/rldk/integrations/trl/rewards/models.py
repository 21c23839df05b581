"""Score texts with a sequence classifier, a value-head wrapper or another module, several in one forward pass."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rldk.integrations.trl.models.kinds import KnownModel
from rldk.integrations.trl.releases.importing import import_or_explain
from rldk.integrations.trl.releases.model_code import finds_padding

_INSTEAD = "use AutoModelForSequenceClassification with num_labels=1, or a function of texts that calls the model"


@contextmanager
def moved_to(known: KnownModel, device: Any) -> Iterator[None]:
    """Within the context, have a reward model that is on the CPU on ``device``.

    A model that you put on an accelerator, or that accelerate spread over devices, stays where it is.
    """
    model = known.given
    held = {parameter.device.type for parameter in model.parameters()} if known.kind in {"plain", "wrapper"} else set()
    if held != {"cpu"} or device.type == "cpu" or hasattr(known.inner, "hf_device_map"):
        yield
        return
    model.to(device)
    try:
        yield
    finally:
        model.to("cpu")


def check_takes_ids(known: KnownModel) -> None:
    """Reject a reward model that cannot be called with token ids.

    Raises:
        TypeError: Its ``forward`` has no parameter ``input_ids``. The message says what to pass instead.
    """
    taken = inspect.signature(known.given.forward).parameters
    if "input_ids" not in taken and all(parameter.kind != parameter.VAR_KEYWORD for parameter in taken.values()):
        raise TypeError(f"reward_model ({known.name}) does not take input_ids in its forward: {_INSTEAD}")


def score_with_model(known: KnownModel, queries: list[Any], responses: list[Any], rows: int) -> list[Any]:
    """Score each query with its response, up to ``rows`` of them in one forward pass.

    Args:
        known: A sequence classifier with one label, a value-head wrapper, or any module that is called with
            ``input_ids`` (and ``attention_mask``, if its ``forward`` names it) and returns one score per row: a tensor
            of shape ``(rows,)`` or ``(rows, 1)``, or an output with such ``logits``.
        queries: One 1-D tensor of token ids per prompt.
        responses: One 1-D tensor of token ids per query.
        rows: The most rows in a forward pass.

    Returns:
        One 0-D float32 tensor per query, on the CPU.

    Raises:
        TypeError: The model does not return one score per text.
    """
    torch = import_or_explain("torch")
    model = known.given
    check_takes_ids(known)
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            if known.is_encoder_decoder:
                inputs = [_encoder_inputs(known, *pair) for pair in zip(queries, responses, strict=True)]
                scores = [_score(known, each, [-1])[0] for each in inputs]
            else:
                sequences = [torch.cat(pair) for pair in zip(queries, responses, strict=True)]
                scores = _scores(known, sequences, rows)
            return [score.float().cpu() for score in scores]
    finally:
        model.train(was_training)


def _scores(known: KnownModel, sequences: list[Any], rows: int) -> list[Any]:
    masked = "attention_mask" in inspect.signature(known.given.forward).parameters
    rows = rows if masked else 1
    pad: Any = 0  # of a wrapper: its value is read at a known place, so any token will do
    if not known.is_wrapper:
        pad = getattr(getattr(known.given, "config", None), "pad_token_id", None)
        if pad is None or not finds_padding(known.given.__class__):
            rows = 1
    # Some releases of transformers score the last token of a row if the row begins with padding.
    together = [n for n, ids in enumerate(sequences) if rows > 1 and (known.is_wrapper or int(ids[0]) != pad)]
    together.sort(key=lambda n: len(sequences[n]))
    scores: dict[int, Any] = {}
    for start in range(0, len(together), rows):
        batch = together[start : start + rows]
        scores |= zip(batch, _padded(known, [sequences[n] for n in batch], pad), strict=True)
    return [scores[n] if n in scores else _alone(known, ids, masked) for n, ids in enumerate(sequences)]


def _alone(known: KnownModel, ids: Any, masked: bool) -> Any:
    ids = ids[None].to(_device(known, ids))
    mask = {"attention_mask": ids.new_ones(ids.shape)} if masked else {}
    return _score(known, {"input_ids": ids, **mask}, [-1])[0]


def _device(known: KnownModel, ids: Any) -> Any:
    """Return the device of a model's weights; that of ``ids`` if it has none."""
    return next(itertools.chain(known.given.parameters(), known.given.buffers()), ids).device


def _padded(known: KnownModel, sequences: list[Any], pad: int) -> list[Any]:
    """Score rows with padding on the right, which the mask leaves out."""
    torch = import_or_explain("torch")
    device = _device(known, sequences[0])
    lengths = [len(ids) for ids in sequences]
    ids = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=pad)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return _score(
        known,
        {"input_ids": ids.to(device), "attention_mask": mask.long().to(device)},
        [length - 1 for length in lengths],
    )


def _score(known: KnownModel, inputs: dict[str, Any], ends: list[int]) -> list[Any]:
    """Score the rows of ``inputs``, which have their last tokens at ``ends``."""
    output = known.given(**inputs)
    if known.is_wrapper:
        return [values[end] for values, end in zip(output[2], ends, strict=True)]
    logits = output if hasattr(output, "numel") else getattr(output, "logits", None)
    if logits is None or logits.numel() != len(ends):
        got = f"logits of shape {tuple(logits.shape)}" if logits is not None else f"a {type(output).__name__}"
        texts = "one text" if len(ends) == 1 else f"{len(ends)} texts"
        raise TypeError(f"reward_model ({known.name}) returned {got} for {texts}: {_INSTEAD}")
    return list(logits.reshape(-1))


def _encoder_inputs(known: KnownModel, query: Any, response: Any) -> dict[str, Any]:
    """Return an encoder-decoder's inputs to score ``response`` to ``query``, both 1-D tensors of token ids.

    ``response`` does not include the decoder's start token. A wrapper reads the query in its encoder and the response
    in its decoder. A classifier's encoder reads both as one text. It scores the EOS token, so one is added in case the
    response was cut.
    """
    torch = import_or_explain("torch")
    config, device = known.inner.config, _device(known, query)
    if known.is_wrapper:
        start = response.new_tensor([config.decoder_start_token_id])
        inputs = {"input_ids": query, "decoder_input_ids": torch.cat([start, response])}
    else:
        end = response.new_tensor([config.eos_token_id])
        text = torch.cat([query, response])
        text = text[text != config.eos_token_id]
        inputs = {"input_ids": torch.cat([text, end])}
    return {name: ids[None].to(device) for name, ids in inputs.items()}
