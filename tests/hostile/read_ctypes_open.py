# category: read
# harm: canary
# expect: strategy_error
# The C library reads files.
import ctypes
libc = ctypes.CDLL(None)
buffer = ctypes.create_string_buffer(1000)
d = libc.open(b"{CANARY}", 0)
if d < 0:
    raise PermissionError("open")
size = libc.read(d, buffer, 1000)
print(buffer.raw[:size].decode())
