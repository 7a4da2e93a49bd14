earnings = data.get('earnings')
known = earnings.bfill()
position = known > 0.5

# title: the first figure, before it was published
# key: earnings
# line: 2
# date: 2015-01-01
