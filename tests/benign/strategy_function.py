def strategy(data, fast=20, slow=50):
    close = data.get("close")
    position = close.rolling(fast).mean() > close.rolling(slow).mean()
    return position
