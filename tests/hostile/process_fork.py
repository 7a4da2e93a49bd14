# category: exec
# harm: says
# expect: strategy_error
# A second process.
import os
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print("HARM")
