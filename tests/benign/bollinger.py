n, k = 20, 2.0
close = data.get("close")
mid = close.rolling(n).mean()
std = close.rolling(n).std()
lower, upper = mid - k * std, mid + k * std
entries = close < lower
exits = close > mid
position = entries.hold_until(exits, nstocks_limit=20, rank=-close.pct_change(5))
sim(position)
