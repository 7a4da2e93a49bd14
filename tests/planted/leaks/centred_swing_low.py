low = data.get('low')
floor = low.rolling(11, center=True).min()
position = low <= floor

# title: swing lows known only later
# key: low
# line: 2
# date: 2004-01-09
