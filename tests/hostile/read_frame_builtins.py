# category: read
# harm: canary
# expect: strategy_error
# Builtins found through a frame.
import sys
print(sys._getframe(0).f_builtins["open"]("{CANARY}").read())
