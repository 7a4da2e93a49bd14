# category: read
# harm: canary
# expect: strategy_error
# A helper of tracebacks that reads files.
import linecache
print("".join(linecache.getlines("{CANARY}")) or 1 / 0)
