# category: memory
# harm: memory
# expect: memory
# A list without end.
kept = []
while True:
    kept.append(bytearray(10_000))
