"""Find a model's weights in the files that ``save_pretrained`` wrote, by their content.

Names do not lead there: a value-head wrapper, PEFT and transformers 5 each rename weights when they save them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rldk.integrations.trl.releases.importing import import_or_explain


def stored_digests(folder: Path) -> frozenset[str]:
    """Return the digest of every weight in the model files of ``folder`` and the folders in it."""
    return frozenset(digest(tensor) for tensor in _stored(folder))


def stored_weights(folder: Path, digests: Mapping[str, str]) -> dict[str, Any]:
    """Return name -> weight from the model files of ``folder``, on the CPU.

    Args:
        folder: A folder that `stored_digests` read.
        digests: Name -> digest of a weight.

    Raises:
        ValueError: The files do not have one of the weights.
    """
    wanted, found = set(digests.values()), {}
    for tensor in _stored(folder) if wanted else ():
        if (its_digest := digest(tensor)) in wanted:
            found[its_digest] = tensor
    missing = sorted(name for name, its_digest in digests.items() if its_digest not in found)
    if missing:
        raise ValueError(
            f"the model files no longer have {len(missing)} of the weights that were saved ({missing[0]} first), so "
            f"they were changed since: put the files back as save_ppo_checkpoint wrote them"
        )
    return {name: found[its_digest] for name, its_digest in digests.items()}


def digest(tensor: Any) -> str:
    """Return a digest of a tensor's bits, dtype and shape."""
    torch = import_or_explain("torch")
    bits = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return f"{hashlib.sha256(bits.data).hexdigest()} {tensor.dtype} {tuple(tensor.shape)}"


def _stored(folder: Path) -> Iterator[Any]:
    for path in sorted(folder.rglob("*model*.safetensors")):
        with import_or_explain("safetensors").safe_open(str(path), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a dict
                yield file.get_tensor(name)
    for path in sorted(folder.rglob("*model*.bin")):  # transformers before 4.35, and TRL's value head
        yield from import_or_explain("torch").load(path, map_location="cpu", weights_only=True).values()
