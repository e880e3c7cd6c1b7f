"""`python -m firmware`: the same as `portero`."""

import sys

from firmware.cli import main

sys.exit(main())
