close = data.get('close')
means = close.average(50).to_numpy()
rows, held = [], np.zeros(close.shape[1], dtype=bool)
for price, mean in zip(close.to_numpy(), means):
    held = price > mean * np.where(held, 0.97, 1.03)
    rows.append(held)
position = pd.DataFrame(rows, index=close.index, columns=close.columns)
