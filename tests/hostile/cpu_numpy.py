# category: cpu
# harm: time
# expect: timeout
# numpy without end.
a = np.ones((1500, 1500))
while True:
    a = a @ a * 1e-4
