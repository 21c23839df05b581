"""The tests of maintenance need its package, which is not in the wheel: it comes last on the path."""

import sys
from pathlib import Path

# Last, so that `rldk` and `rldk_trl` are the installed ones where they are installed.
sys.path.append(str(Path(__file__).parents[2] / "src"))
