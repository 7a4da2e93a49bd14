# category: parent
# harm: victim
# expect: strategy_error
# A signal to another process.
import os
os.kill({VICTIM}, 9)
