close = data.get('close')
weekly = pd.DataFrame(close).resample('W', label='right').last().shift(1)
position = close < weekly.reindex(close.index, method='ffill')
