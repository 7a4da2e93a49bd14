close = data.get('close')
monthly = close.iloc[::20].reindex(close.index)
position = monthly.interpolate() > close

# title: gaps interpolated from both sides
# key: close
# line: 3
# date: 2004-01-05
