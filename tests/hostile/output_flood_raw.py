# category: output
# harm: output
# expect: output_limit
# The same below Python's files.
import os
while True:
    os.write(2, b"x" * 65536)
