# category: parent
# harm: says
# expect: strategy_error
# A debugger on another process.
import ctypes
print("HARM" if ctypes.CDLL(None).ptrace(16, {VICTIM}, 0, 0) == 0 else 1 / 0)
