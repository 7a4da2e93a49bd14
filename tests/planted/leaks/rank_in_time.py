close = data.get('close')
place = close.rank(axis=0, pct=True)
position = place < 0.5

# title: ranks over all dates
# key: close
# line: 2
# date: 2004-01-02
