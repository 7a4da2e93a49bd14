# category: parent
# harm: victim
# expect: strategy_error
# A signal through a descriptor.
import os
import signal
signal.pidfd_send_signal(os.pidfd_open({VICTIM}), signal.SIGKILL)
