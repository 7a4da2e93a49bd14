close = data.get('close')
tomorrow = close.shift(-1)
position = tomorrow > close

# title: tomorrow's close
# key: close
# line: 2
# date: 2004-01-02
