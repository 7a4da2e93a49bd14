# category: read
# harm: canary
# expect: strategy_error
# The environment of the parent must not be here.
import os
print(dict(os.environ))
