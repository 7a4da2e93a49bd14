close, opening = data.get('close'), data.get('open')
gap = opening.shift(-1) / close.shift(1) - 1
position = gap > 0

# title: tomorrow's open
# key: open
# line: 2
# date: 2004-01-05
