close = data.get("close")


def slope(y):
    x = np.arange(len(y))
    return np.polyfit(x, y, 1)[0]


trend = close.iloc[:, :3].rolling(20).apply(slope, raw=True)
position = trend > 0
