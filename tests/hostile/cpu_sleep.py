# category: cpu
# harm: time
# expect: timeout
# Waiting is no work, and takes time too.
import time
time.sleep(100)
