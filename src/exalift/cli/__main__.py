"""`python -m exalift.cli`."""

import sys

from .main import main

sys.exit(main())
