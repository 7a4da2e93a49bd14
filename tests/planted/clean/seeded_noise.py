close = data.get('close')
noise = np.random.default_rng(7).random(close.shape)
position = close > close.shift(1) * (0.99 + 0.02 * noise)
