close = data.get("close")
ema = lambda x, span: x.ewm(span=span, adjust=False).mean()  # noqa: E731
macd = ema(close, 12) - ema(close, 26)
signal_line = ema(macd, 9)
position = macd > signal_line
sim(position, resample="W-FRI")
