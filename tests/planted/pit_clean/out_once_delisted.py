close = data.get('close')
held = {}
for name in close.columns:
    date = data.delisted[name]
    held[name] = close.index < date if date == date else [True] * len(close)
position = pd.DataFrame(held, index=close.index)
