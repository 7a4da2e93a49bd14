def ema(values, alpha):
    out = np.empty_like(values)
    out[0] = values[0]
    for t in range(1, values.shape[0]):
        out[t] = alpha * values[t] + (1 - alpha) * out[t - 1]
    return out


close = data.get("close")
smooth = pd.DataFrame(ema(close.ffill().fillna(0).to_numpy(dtype=float), 0.1), index=close.index, columns=close.columns)
position = close > smooth
