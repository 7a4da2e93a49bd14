# category: exec
# harm: says
# expect: strategy_error
# A process that outlives the run.
import os
import time
if os.fork() == 0:
    os.setsid()
    time.sleep(5)
    os._exit(0)
print("HARM")
