# category: write
# harm: file
# expect: strategy_error
# The C library writes files.
import ctypes
d = ctypes.CDLL(None).creat(b"{TARGET}", 0o644)
if d < 0:
    raise PermissionError("creat")
