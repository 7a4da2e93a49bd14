# category: parent
# harm: victim
# expect: strategy_error
# A signal with a value.
import ctypes
if ctypes.CDLL(None).sigqueue({VICTIM}, 9, 0):
    raise PermissionError("sigqueue")
