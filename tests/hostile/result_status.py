# category: forging
# harm: forged
# expect: result_invalid
# A status that a child may not give.
import json
import os
import struct
text = json.dumps({"status": "rejected", "sharpe": 9.0}).encode()
os.write(3, struct.pack("<4sIQ", b"OSR1", len(text), 0) + text)
os._exit(0)
