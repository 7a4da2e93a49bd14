close = data.get("close")
n = 20 if len(close) > 100 else 5
ok = 0 < n <= 20 < 100
position = (close > close.average(n)) if ok and not n == 3 else close < 0
del ok
pass
