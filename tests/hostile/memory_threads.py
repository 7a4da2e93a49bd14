# category: memory
# harm: memory
# expect: memory
# From another thread.
import threading
kept = []


def eat():
    while True:
        kept.append(bytearray(100_000))


thread = threading.Thread(target=eat)
thread.start()
thread.join()
