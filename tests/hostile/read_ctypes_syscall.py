# category: read
# harm: canary
# expect: strategy_error
# A raw system call: openat.
import ctypes
libc = ctypes.CDLL(None)
d = libc.syscall(257, -100, b"{CANARY}", 0)
buffer = ctypes.create_string_buffer(1000)
if d < 0:
    raise PermissionError("open")
size = libc.read(d, buffer, 1000)
print(buffer.raw[:size].decode())
