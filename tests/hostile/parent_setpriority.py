# category: parent
# harm: says
# expect: strategy_error
# Another process made slow.
import os
os.setpriority(os.PRIO_PROCESS, {VICTIM}, 10)
print("HARM")
