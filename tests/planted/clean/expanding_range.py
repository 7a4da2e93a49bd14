close = data.get('close')
low, high = close.cummin(), close.cummax()
position = (close - low) / (high - low) > 0.6
