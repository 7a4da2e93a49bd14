close = data.get('close')
position = (data.get('earnings') / close).is_largest(2)
