# category: parent
# harm: victim
# expect: strategy_error
# A signal to everybody of its group and beyond.
import os
import signal
os.killpg(os.getpgid({VICTIM}), signal.SIGKILL)
