"""`python -m wellhead`."""

import sys

from wellhead.cli.main import main

sys.exit(main())
