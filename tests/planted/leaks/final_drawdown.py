close, low = data.get('close'), data.get('low')
bottom = low.min()
position = close < bottom * 1.1

# title: the low of all dates
# key: low
# line: 2
# date: 2004-01-02
