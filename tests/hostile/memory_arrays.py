# category: memory
# harm: memory
# expect: memory
# Arrays that are kept.
kept = []
while True:
    kept.append(np.ones(1_000_000))
