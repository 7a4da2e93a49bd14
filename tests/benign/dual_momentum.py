lookback = 120
close = data.get("close")
relative = close.pct_change(lookback)
absolute = relative > 0
position = relative.is_largest(3) & absolute
sim(position, resample="M", trade_at_price="open") if False else sim(position, resample="M")
