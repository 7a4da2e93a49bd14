# category: exec
# harm: says
# expect: strategy_error
# Many processes.
import os
for _ in range(5):
    if os.fork() == 0:
        os._exit(0)
print("HARM")
