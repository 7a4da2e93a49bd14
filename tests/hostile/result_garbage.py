# category: forging
# harm: forged
# expect: result_invalid
# Bytes that are no result.
import os
os.write(3, b"garbage" * 1000)
os._exit(0)
