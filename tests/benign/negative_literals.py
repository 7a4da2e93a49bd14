stop = -0.1
levels = [-1, -0.5, 0, +0.5]
close = data.get("close")
drawdown = close / close.cummax() - 1
position = (drawdown > stop) & (drawdown >= levels[0])
position = position[position.columns[:5]]
sim(position, resample="M")
