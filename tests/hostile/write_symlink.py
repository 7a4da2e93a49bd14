# category: write
# harm: file
# expect: strategy_error
# A link.
import os
os.symlink("/etc/passwd", "{TARGET}")
