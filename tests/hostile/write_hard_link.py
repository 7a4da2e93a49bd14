# category: write
# harm: file
# expect: strategy_error
# A second name for a file.
import os
os.link("{CANARY}", "{TARGET}")
