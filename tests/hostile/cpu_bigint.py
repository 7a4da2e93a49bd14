# category: cpu
# harm: time
# expect: timeout
# Arithmetic without the lock given back.
x = 7 ** (10**8)
str(x % 10)
