# category: cpu
# harm: time
# expect: timeout
# Backtracking without the lock given back.
import re
re.match("(a+)+$", "a" * 60 + "b")
