# category: introspection
# harm: says
# expect: strategy_error
# Memory of System V.
import ctypes
print("HARM" if ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0 else 1 / 0)
