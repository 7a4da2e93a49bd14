# category: read
# harm: canary
# expect: strategy_error
# The plain way.
print(open("{CANARY}").read())
