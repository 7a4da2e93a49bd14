close = data.get("close")
state = close.iloc[0].fillna(0.0)
rows = []
for date, row in close.ffill().fillna(0).iterrows():
    state = 0.9 * state + 0.1 * row
    rows.append(state)
level = pd.DataFrame(rows, index=close.index)
position = close > level
