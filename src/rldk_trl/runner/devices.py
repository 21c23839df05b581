"""Find the accelerator that a world needs."""

from __future__ import annotations

import subprocess


def device_name(maker: str) -> str | None:
    """Return the name of the first device of this maker ("nvidia"), or None if there is none.

    The driver's own program is asked. No framework is imported.
    """
    try:
        done = subprocess.run(
            [f"{maker}-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    names = done.stdout.splitlines() if done.returncode == 0 else []
    return names[0].strip() if names else None
