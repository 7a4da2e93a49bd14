# category: cpu
# harm: time
# expect: timeout
# A thread that never ends.
import threading


def spin():
    while True:
        pass


thread = threading.Thread(target=spin)
thread.start()
thread.join()
