# category: parent
# harm: victim
# expect: strategy_error
# The old way to signal a thread.
import ctypes
if ctypes.CDLL(None).syscall(200, {VICTIM}, 9):
    raise PermissionError("tkill")
