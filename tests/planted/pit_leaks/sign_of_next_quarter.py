earnings = data.get('earnings')
surprise = earnings.shift(-40)
position = surprise > 0

# title: whether the next quarter is a loss
# key: earnings
# line: 2
# date: 2015-01-01
