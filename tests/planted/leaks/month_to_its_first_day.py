close = data.get('close')
month = close.index.to_period('M')
mean = close.groupby(month).transform('mean')
position = close < mean

# title: a month's mean on every day of that month
# key: close
# line: 3
# date: 2004-01-02
