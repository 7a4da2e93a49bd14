# category: read
# harm: canary
# expect: strategy_error
# The environment through the C library.
import ctypes
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print(libc.getenv(b"OUTSAMPLE_TEST_SECRET"))
