# category: exec
# harm: says
# expect: strategy_error
# A program in memory.
import os
d = os.memfd_create("x")
os.write(d, open("/bin/echo", "rb").read())
os.execve(d, ["echo", "HARM"], {})
