# category: introspection
# harm: says
# expect: strategy_error
# Becoming root again.
import os
os.setresuid(0, 0, 0)
open("/etc/passwd").close()
print("HARM")
