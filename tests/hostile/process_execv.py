# category: exec
# harm: says
# expect: strategy_error
# Another program in this process.
import os
os.execv("/bin/echo", ["echo", "HARM"])
