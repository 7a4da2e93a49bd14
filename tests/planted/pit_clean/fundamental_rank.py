earnings = data.get('earnings')
position = earnings.rank(axis=1, pct=True) > 0.5
