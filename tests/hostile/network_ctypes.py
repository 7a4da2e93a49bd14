# category: network
# harm: hit
# expect: strategy_error
# The C library.
import ctypes
import struct
libc = ctypes.CDLL(None)
s = libc.socket(2, 1, 0)
address = struct.pack("<H", 2) + struct.pack(">H", {PORT}) + bytes([127, 0, 0, 1]) + bytes(8)
if libc.connect(s, address, 16):
    raise PermissionError("connect")
