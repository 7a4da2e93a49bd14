# category: cpu
# harm: time
# expect: timeout
# A lock that is never released.
import threading
lock = threading.Lock()
lock.acquire()
lock.acquire()
