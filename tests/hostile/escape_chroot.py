# category: introspection
# harm: says
# expect: strategy_error
# Another root.
import os
os.chroot("/tmp")
print("HARM")
