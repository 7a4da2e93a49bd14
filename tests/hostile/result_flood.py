# category: forging
# harm: forged
# expect: result_invalid
# A result without end.
import os
import struct
os.write(3, struct.pack("<4sIQ", b"OSR1", 2, 1 << 60) + b"{}")
while True:
    os.write(3, b"x" * 65536)
