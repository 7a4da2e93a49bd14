# category: exec
# harm: says
# expect: strategy_error
# The C library forks.
import ctypes
import os
libc = ctypes.CDLL(None)
child = libc.fork()
if child == 0:
    os._exit(0)
print("HARM" if child > 0 else 1 / 0)
