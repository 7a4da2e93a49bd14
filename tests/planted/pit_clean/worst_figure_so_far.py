earnings = data.get('earnings')
position = earnings > earnings.cummin()
