revenue = data.get('revenue')
final = revenue.iloc[-1]
position = revenue < final

# title: revenue against the last one that is ever published
# key: revenue
# line: 2
# date: 2015-01-13
