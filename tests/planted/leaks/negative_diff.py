close = data.get('close')
step = close.diff(-1)
position = step < 0

# title: a difference to the next row
# key: close
# line: 2
# date: 2004-01-02
