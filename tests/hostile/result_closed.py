# category: forging
# harm: says
# expect: crashed
# The pipe for the result is closed.
import os
os.write(1, b"HARM")
os.close(3)
position = data.get("close") > 0
