"""``python -m outsample``."""

import sys

from outsample.cli import main

if __name__ == "__main__":
    sys.exit(main())
