"""``python -m nmcx`` is the command line."""

import sys

from nmcx.cli import main

sys.exit(main())
