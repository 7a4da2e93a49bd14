# category: exec
# harm: says
# expect: strategy_error
# The library for it.
import subprocess
print(subprocess.check_output(["echo", "HARM"]).decode())
