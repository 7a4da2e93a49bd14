# category: read
# harm: canary
# expect: strategy_error
# pathlib.
from pathlib import Path
print(Path("{CANARY}").read_text())
