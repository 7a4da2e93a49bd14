close = data.get('close')
best = (close.iloc[-1] / close.iloc[0]).nlargest(2).index
position = close.notna() & pd.Series(close.columns.isin(best), index=close.columns)

# title: a universe of the final winners
# key: close
# line: 2
# date: 2004-01-02
