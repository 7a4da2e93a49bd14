close = data.get('close')
alive = close.columns[close.iloc[-1].notna()]
position = (close > 0) & close.columns.isin(alive)

# title: only names that still trade at the end
# key: close
# line: 2
# date: 2015-01-01
