close = data.get('close')
gone = data.delisted
safe = gone.index[gone.isna()]
position = (close > 0) & close.columns.isin(safe)

# title: only names that are never delisted
# key: delisted
# line: none
# date: 2015-01-01
