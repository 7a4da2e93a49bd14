# category: exec
# harm: says
# expect: strategy_error
# A shell.
import os
if os.system("echo HARM"):
    raise PermissionError("system")
