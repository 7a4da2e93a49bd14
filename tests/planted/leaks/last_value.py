close = data.get('close')
target = close.iloc[-1]
position = close < target

# title: a threshold at the last close
# key: close
# line: 2
# date: 2004-01-02
