"""``python -m headless_discovery`` is the command ``headless-discovery``."""

import sys

from .cli import main

sys.exit(main())
