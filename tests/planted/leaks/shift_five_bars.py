close = data.get('close')
coming = close.pct_change(5).shift(-5)
position = coming > 0

# title: the return of the next five bars
# key: close
# line: 2
# date: 2004-01-02
