"""How much work the random tests do: 1 in `make test`, 10 in `make test-all`."""

import os

SCALE = int(os.environ.get("OUTSAMPLE_TEST_SCALE", "1"))
