revenue = data.get('revenue')
fresh = revenue != revenue.shift(1)
position = (fresh & revenue.notna()).rolling(10, min_periods=1).max() > 0
