close = data.get('close')
position = (close > close.average(50)).astype(float)
day = close.index[250]
position.loc[day] = (close.iloc[251] > close.loc[day]).astype(float) * 0.5 + 0.1

# title: decides by tomorrow on one day alone
# key: close
# line: 4
# date: 2004-12-30
