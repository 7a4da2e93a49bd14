# category: forging
# harm: says
# expect: killed
# The process ends by a signal.
import os
import signal
os.write(1, b"HARM")
os.kill(os.getpid(), signal.SIGKILL)
