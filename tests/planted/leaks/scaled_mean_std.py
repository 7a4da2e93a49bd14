close = data.get('close')
score = (close - close.mean()) / close.std()
position = score > 0.5

# title: scaled by the mean and deviation of the whole sample
# key: close
# line: 2
# date: 2004-01-02
