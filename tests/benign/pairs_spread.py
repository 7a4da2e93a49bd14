close = data.get("close")
a, b = close.columns[0], close.columns[1]
spread = np.log(close[a]) - np.log(close[b])
z = (spread - spread.rolling(60).mean()) / spread.rolling(60).std()
position = pd.DataFrame(0.0, index=close.index, columns=close.columns)
position[a] = np.where(z < -2, 0.5, np.where(z > 2, -0.5, 0.0))
position[b] = -position[a]
