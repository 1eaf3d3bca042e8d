"""`python -m exalift`."""

import sys

from exalift.cli import main

sys.exit(main())
