from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

close = data.get("close")
returns = close.pct_change().fillna(0)
market = returns.mean(axis=1)
train = slice(0, 250)
model = make_pipeline(StandardScaler(), LinearRegression())
model.fit(market.shift(1).fillna(0).to_numpy()[train].reshape(-1, 1), market.to_numpy()[train])
forecast = model.predict(market.to_numpy().reshape(-1, 1))
forecast[train] = 0
position = pd.DataFrame({c: forecast > 0 for c in close.columns}, index=close.index)
