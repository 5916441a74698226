"""``python -m meshot``."""

import sys

from meshot.cli import main

sys.exit(main())
