# category: memory
# harm: memory
# expect: memory|timeout
# Every MemoryError is swallowed.
kept = []
while True:
    try:
        kept.append(np.ones(2_000_000))
    except MemoryError:
        continue
