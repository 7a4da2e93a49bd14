from numpy.lib.stride_tricks import sliding_window_view

close = data.get("close")
values = close.ffill().to_numpy()
windows = sliding_window_view(values, 20, axis=0)
best = np.full(values.shape, np.nan)
best[19:] = windows.max(axis=-1)
position = close >= pd.DataFrame(best, index=close.index, columns=close.columns)
