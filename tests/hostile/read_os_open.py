# category: read
# harm: canary
# expect: strategy_error
# Descriptors.
import os
d = os.open("{CANARY}", os.O_RDONLY)
print(os.read(d, 1000).decode())
