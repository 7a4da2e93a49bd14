# category: exec
# harm: says
# expect: strategy_error
# A shell with a pipe.
import os
print(os.popen("echo HARM").read() or 1 / 0)
