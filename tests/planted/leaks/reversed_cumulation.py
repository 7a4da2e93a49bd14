close, high = data.get('close'), data.get('high')
peak = high[::-1].cummax()[::-1]
position = close < peak * 0.8

# title: a maximum that runs backwards
# key: high
# line: 2
# date: 2004-01-02
