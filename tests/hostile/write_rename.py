# category: write
# harm: file
# expect: strategy_error
# Moving somebody else's file.
import os
os.rename("{CANARY}", "{TARGET}")
