"""What is installed here, where tests have to know."""

import numpy as np

NUMPY_1 = np.lib.NumpyVersion(np.__version__) < "2.0.0"
