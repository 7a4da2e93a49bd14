# category: write
# harm: file
# expect: strategy_error
# The plain way.
open("{TARGET}", "w").write("x")
