# category: read
# harm: canary
# expect: strategy_error
# numpy reads files.
print(np.genfromtxt("{CANARY}", dtype=str))
