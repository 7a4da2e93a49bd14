close = data.get('close')
returns = close.pct_change().fillna(0.0)
x, y = returns.shift(1).fillna(0.0).to_numpy(), returns.to_numpy()
beta = (x * y).sum(axis=0) / (x * x).sum(axis=0)
position = pd.DataFrame(x * beta > 0, index=close.index, columns=close.columns)

# title: a regression fitted on all dates
# key: close
# line: 4
# date: 2004-01-06
