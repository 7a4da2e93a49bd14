close = data.get('close')
past, future = close.pct_change(5).fillna(0.0), close.pct_change(5).shift(-5)
slope = [np.polyfit(past[c].iloc[5:-5], future[c].iloc[5:-5], 1)[0] for c in close]
position = (past * np.array(slope)) > 0.001

# title: a model trained on all dates
# key: close
# line: 2
# date: 2004-01-09
