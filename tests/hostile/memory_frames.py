# category: memory
# harm: memory
# expect: memory
# Frames without end.
kept = []
while True:
    kept.append(pd.DataFrame(np.ones((1000, 200))))
