close = data.get("close")
windows = [5, 10, 20, 60]
scores = {n: close.pct_change(n).rank(axis=1, pct=True) for n in windows if n != 10}
total = sum(scores.values()) / len(scores)
names = sorted({str(symbol)[:1] for symbol in close.columns})
pairs = [(a, b) for a in windows for b in windows if a < b]
position = total > 0.8
sim(position, resample="M")
