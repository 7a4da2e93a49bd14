# category: forging
# harm: says
# expect: killed
# Native code breaks.
import ctypes
import os
os.write(1, b"HARM")
ctypes.string_at(0)
