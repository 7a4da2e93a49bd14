close = data.get('close')
position = close.expanding(20).rank(pct=True) < 0.5
