close = data.get('close')
position = close.pct_change(60).rank(axis=1, pct=True) > 0.5
