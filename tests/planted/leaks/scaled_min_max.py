close = data.get('close')
width = close.max() - close.min()
position = (close - close.min()) / width > 0.6

# title: scaled by the range of the whole sample
# key: close
# line: 2
# date: 2004-01-02
