# category: introspection
# harm: says
# expect: strategy_error
# Descriptors that were left open.
import os
found = []
for number in range(3, 256):
    try:
        os.fstat(number)
        found.append(number)
    except OSError:
        continue
print("HARM" if [n for n in found if n != 3] else 1 / 0)
