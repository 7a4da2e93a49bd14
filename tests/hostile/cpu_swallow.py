# category: cpu
# harm: time
# expect: timeout
# Every exception is swallowed.
while True:
    try:
        while True:
            pass
    except BaseException:
        continue
