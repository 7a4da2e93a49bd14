# category: exec
# harm: says
# expect: strategy_error
# clone without the flags of a thread.
import ctypes
import os
child = ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0)
if child == 0:
    os._exit(0)
print("HARM" if child > 0 else 1 / 0)
