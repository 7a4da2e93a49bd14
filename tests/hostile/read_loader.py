# category: read
# harm: canary
# expect: strategy_error
# The loader of modules reads files.
import importlib.machinery
print(importlib.machinery.SourceFileLoader("x", "{CANARY}").get_data("{CANARY}").decode())
