# category: parent
# harm: victim
# expect: strategy_error
# A signal to a thread.
import ctypes
if ctypes.CDLL(None).syscall(234, {VICTIM}, {VICTIM}, 9):
    raise PermissionError("tgkill")
