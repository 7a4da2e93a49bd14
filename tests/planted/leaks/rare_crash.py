close = data.get('close')
calm = close.pct_change(20) > -1
crash = close.pct_change().shift(-1) < -0.05
position = calm & ~crash

# title: steps aside the day before a crash
# key: close
# line: 3
# date: 2004-02-02
