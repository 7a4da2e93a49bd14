revenue = data.get('revenue')
score = (revenue - revenue.mean()) / revenue.std()
position = score > 0.3

# title: revenue standardised over all time
# key: revenue
# line: 2
# date: 2015-01-13
