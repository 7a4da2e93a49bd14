# category: forging
# harm: forged
# expect: result_invalid
# A number that takes for ever to read.
import os
import struct
text = b'{"status": "ok", "line": ' + b"9" * 1_000_000 + b"}"
view = memoryview(struct.pack("<4sIQ", b"OSR1", len(text), 0) + text)
while view:
    view = view[os.write(3, view) :]
os._exit(0)
