close = data.get('close')
values = close.to_numpy()
level = values.copy()
for t in range(1, len(values)):
    level[t] = level[t - 1] + 0.1 * (values[t] - level[t - 1])
position = close > pd.DataFrame(level, index=close.index, columns=close.columns)
