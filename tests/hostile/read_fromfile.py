# category: read
# harm: canary
# expect: strategy_error
# numpy reads raw files.
print(np.fromfile("{CANARY}", dtype="u1").tobytes().decode())
