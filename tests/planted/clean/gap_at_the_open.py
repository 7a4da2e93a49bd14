close, opening = data.get('close'), data.get('open')
position = opening / close.shift(1) - 1 > 0
