member = data.get('universe')
position = member & (data.get('earnings') > 0)
