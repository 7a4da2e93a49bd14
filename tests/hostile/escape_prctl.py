# category: introspection
# harm: says
# expect: strategy_error
# Core dumps and names through prctl.
import ctypes
print("HARM" if ctypes.CDLL(None).prctl(15, b"x", 0, 0, 0) == 0 else 1 / 0)
