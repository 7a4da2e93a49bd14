# category: write
# harm: file
# expect: strategy_error
# A folder.
import os
os.mkdir("{TARGET}")
