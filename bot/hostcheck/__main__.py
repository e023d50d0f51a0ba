"""Started as a single file or by python -m bot.hostcheck."""

import sys

from bot.hostcheck.cli import main

sys.exit(main())
