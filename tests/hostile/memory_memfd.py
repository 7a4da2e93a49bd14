# category: memory
# harm: says
# expect: strategy_error
# Memory as a file.
import os
d = os.memfd_create("x")
for _ in range(250):
    os.write(d, b"x" * (1 << 20))
print("HARM")
