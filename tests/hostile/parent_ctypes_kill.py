# category: parent
# harm: victim
# expect: strategy_error
# A signal through the C library.
import ctypes
if ctypes.CDLL(None).kill({VICTIM}, 9):
    raise PermissionError("kill")
