close = data.get('close')
position = (close - close.expanding(20).mean()) / close.expanding(20).std() > 0.5
