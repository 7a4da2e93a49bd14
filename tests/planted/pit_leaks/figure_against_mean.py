earnings = data.get('earnings')
position = earnings > earnings.mean()

# title: a figure against the mean of all figures
# key: earnings
# line: 2
# date: 2015-01-21
