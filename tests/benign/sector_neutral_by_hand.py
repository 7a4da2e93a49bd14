close = data.get("close")
sectors = {symbol: i % 3 for i, symbol in enumerate(close.columns)}
score = close.pct_change(20)
parts = []
for sector in set(sectors.values()):
    members = [s for s in close.columns if sectors[s] == sector]
    block = score[members]
    parts.append(block.sub(block.mean(axis=1), axis=0))
neutral = pd.concat(parts, axis=1)[list(close.columns)]
position = neutral.rank(axis=1, pct=True) > 0.8
