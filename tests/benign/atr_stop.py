close, high, low = data.get("close"), data.get("high"), data.get("low")
previous = close.shift()
true_range = np.maximum(high - low, np.maximum((high - previous).abs(), (low - previous).abs()))
atr = true_range.rolling(14).mean()
entry = close > high.rolling(20).max().shift()
exit_ = close < close.rolling(20).max() - 3 * atr
position = entry.hold_until(exit_)
