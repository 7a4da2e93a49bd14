# category: output
# harm: output
# expect: output_limit
# The same on stderr.
import sys
while True:
    print("x" * 100_000, file=sys.stderr)
