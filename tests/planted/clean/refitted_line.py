close = data.get('close')
rows = np.zeros(close.shape)
logs = np.log(close.to_numpy())
for t in range(60, len(close)):
    if t % 20 == 0:
        slope = np.polyfit(np.arange(60), logs[t - 59 : t + 1], 1)[0]
    rows[t] = slope > 0
position = pd.DataFrame(rows, index=close.index, columns=close.columns)
