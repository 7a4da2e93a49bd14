close = data.get('close')
honest = close > close.shift(1)
position = honest.copy()
position.loc['2005-06-01':] = (close.shift(-1) > close).loc['2005-06-01':]

# title: causal until a date, then with tomorrow's close
# key: close
# line: 4
# date: 2005-06-01
