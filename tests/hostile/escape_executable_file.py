# category: introspection
# harm: canary
# expect: strategy_error
# A library from a file.
import runpy
runpy.run_path("{SCRIPT}")
