# category: exec
# harm: says
# expect: strategy_error
# A user namespace of its own.
import ctypes
print("HARM" if ctypes.CDLL(None).unshare(0x10000000) == 0 else 1 / 0)
