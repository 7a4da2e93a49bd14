close = data.get('close')
position = close.pct_change(60).is_largest(2)
