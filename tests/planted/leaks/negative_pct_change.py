close = data.get('close')
change = close.pct_change(-3)
position = change < 0

# title: a change against a later row
# key: close
# line: 2
# date: 2004-01-02
