# category: forging
# harm: forged
# expect: result_invalid
# A header that promises more cells than there are.
import json
import os
import struct
frame = {"rows": 1000, "columns": ["A"], "dtype": "float64", "tz": None}
text = json.dumps({"status": "ok", "kind": "position", "call": None, "frame": frame}).encode()
os.write(3, struct.pack("<4sIQ", b"OSR1", len(text), 8) + text + bytes(8))
os._exit(0)
