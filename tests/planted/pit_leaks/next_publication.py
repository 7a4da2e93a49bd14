earnings = data.get('earnings')
position = earnings.shift(-1) > 1

# title: the figure of the next bar
# key: earnings
# line: 2
# date: 2015-01-20
