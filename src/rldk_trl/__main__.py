"""``python -m rldk_trl``."""

import sys

from rldk_trl.cli import main

sys.exit(main())
