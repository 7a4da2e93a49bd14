close = data.get('close')
position = close.average(20) > close.average(60)
