# category: forging
# harm: forged
# expect: result_invalid
# JSON nested so deep that its reader breaks.
import os
import struct
text = b"[" * 100_000
os.write(3, struct.pack("<4sIQ", b"OSR1", len(text), 0) + text)
os._exit(0)
