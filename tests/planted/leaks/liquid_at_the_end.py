close, volume = data.get('close'), data.get('volume')
liquid = (volume[-60:].mean() / volume[:60].mean()).nlargest(1).index
position = close.notna() & pd.Series(close.columns.isin(liquid), index=close.columns)

# title: a universe of what trades more and more until the end
# key: volume
# line: 2
# date: 2004-01-02
