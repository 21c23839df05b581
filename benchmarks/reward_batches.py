"""How much faster the step API's reward models score in batches than one text at a time.

    nox -s bench                                                      # after the cells' benchmark
    PYTHONPATH=src .nox/trl_matrix-0-11-4/bin/python benchmarks/reward_batches.py

Both ways run in turn in this process, so a noisy machine is noisy for both. The ratio is the figure to look at.
"""

from __future__ import annotations

import random
import statistics
import time

import torch
from transformers import GPT2Config, GPT2ForSequenceClassification

from rldk.integrations.trl.models.kinds import classify
from rldk.integrations.trl.rewards.models import score_with_model

TEXTS, ROUNDS, BATCHES = 32, 5, (4, 8, 16)
SIZES = {"n_embd": 128, "n_layer": 4, "n_head": 4, "vocab_size": 1000}


def seconds(known: object, queries: list[torch.Tensor], responses: list[torch.Tensor], rows: int) -> float:
    """Score all texts once."""
    start = time.perf_counter()
    score_with_model(known, queries, responses, rows)
    return time.perf_counter() - start


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = GPT2ForSequenceClassification(GPT2Config(num_labels=1, pad_token_id=0, **SIZES)).to(device)
    known = classify(model)
    generator = random.Random(0)
    queries, responses = (
        [torch.randint(1, 1000, (generator.randint(8, longest),)) for _ in range(TEXTS)] for longest in (24, 53)
    )
    seconds(known, queries, responses, 1)  # warm up
    print(f"{TEXTS} texts of 16 to 77 tokens, GPT-2 of {model.num_parameters():,} parameters, {device}")
    print(f"{'rows':>5} {'one by one':>11} {'batched':>9} {'ratio':>6}")
    for rows in BATCHES:
        pairs = [[seconds(known, queries, responses, each) for each in (1, rows)] for _ in range(ROUNDS)]
        alone, batched = (statistics.median(pair[at] for pair in pairs) for at in (0, 1))
        ratio = statistics.median(one / many for one, many in pairs)
        print(f"{rows:>5} {1000 * alone:>8.0f} ms {1000 * batched:>6.0f} ms {ratio:>6.2f}")


if __name__ == "__main__":
    main()
