# category: introspection
# harm: says
# expect: strategy_error
# An alarm of the kernel.
import signal
signal.setitimer(signal.ITIMER_REAL, 10.0)
print("HARM")
