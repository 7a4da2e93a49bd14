# category: read
# harm: canary
# expect: strategy_error
# The environment of the process above.
import os
print(open(f"/proc/{os.getppid()}/environ").read())
