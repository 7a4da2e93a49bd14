price = data.get('close')
value = data.get('earnings') / price
cheap = value.quantile(0.6)
position = value > cheap

# title: a quantile of all yields, of figures and of prices
# key: close
# line: 3
# date: 2015-01-21
