close = data.get('close')
weekly = pd.DataFrame(close).resample('W', label='left', closed='left').last()
position = close < weekly.reindex(close.index, method='ffill')

# title: a week's close at its first day
# key: close
# line: 2
# date: 2004-01-05
