# category: write
# harm: file
# expect: strategy_error
# pathlib.
from pathlib import Path
Path("{TARGET}").write_text("x")
