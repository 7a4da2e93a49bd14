close = data.get("close")
months = close.index.month
mask = pd.Series(months.isin([11, 12, 1, 2, 3, 4]), index=close.index)
position = close.notna().mul(mask, axis=0)
sim(position, resample="ME")
