rng = np.random.default_rng(42)
close = data.get("close")
noise = pd.DataFrame(rng.normal(size=close.shape), index=close.index, columns=close.columns)
np.random.seed(1)
position = noise.rank(axis=1, ascending=False) <= 3
sim(position, resample="M")
