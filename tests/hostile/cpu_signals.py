# category: cpu
# harm: time
# expect: timeout
# Signals are ignored.
import signal
for number in range(1, 64):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        continue
while True:
    pass
