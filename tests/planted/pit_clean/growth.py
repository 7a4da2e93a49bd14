revenue = data.get('revenue')
position = revenue > revenue.shift(60) * 1.05
