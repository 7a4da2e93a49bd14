# category: cpu
# harm: time
# expect: timeout
# A loop without end.
while True:
    pass
