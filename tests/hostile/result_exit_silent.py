# category: forging
# harm: says
# expect: crashed
# The process ends without a word.
import os
os.write(1, b"HARM")
os._exit(0)
