earnings = data.get('earnings')
position = earnings > earnings.expanding().mean()
