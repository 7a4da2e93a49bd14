close = data.get('close')
up = (close > close.shift(1)).to_numpy()
count, rows = np.zeros(up.shape[1]), []
for row in up:
    count = np.where(row, count + 1, 0)
    rows.append(count >= 2)
position = pd.DataFrame(rows, index=close.index, columns=close.columns)
