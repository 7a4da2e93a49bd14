# category: read
# harm: canary
# expect: strategy_error
# Another thread than the one that was locked.
import threading
found = []


def read():
    found.append(open("{CANARY}").read())


thread = threading.Thread(target=read)
thread.start()
thread.join()
print(found[0])
