close = data.get("close")
n = 5
while (window := n * 2) < 50:
    n = window
if (total := len(close.columns)) > 3:
    print(f"{total=} {n=:>5}")
position = close > close.rolling(n).mean()
