close = data.get("close")
position = pd.DataFrame(0.0, index=close.index, columns=close.columns)
for symbol in close.columns:
    series = close[symbol]
    position.loc[series > series.rolling(30).mean(), symbol] = 1.0
for i, (symbol, column) in enumerate(position.items()):
    if i > 3:
        break
    print(symbol, column.iloc[0])
position /= max(len(close.columns), 1)
sim(position)
