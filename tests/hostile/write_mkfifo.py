# category: write
# harm: file
# expect: strategy_error
# A named pipe.
import os
os.mkfifo("{TARGET}")
