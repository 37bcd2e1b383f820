"""``python -m wearecg`` is the ``wearecg`` command."""

import sys

from wearecg.cli import main

sys.exit(main())
