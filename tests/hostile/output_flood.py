# category: output
# harm: output
# expect: output_limit
# Text without end.
while True:
    print("x" * 100_000)
