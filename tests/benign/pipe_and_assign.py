def zscore(frame, n):
    return (frame - frame.rolling(n).mean()) / frame.rolling(n).std()


close = data.get("close")
position = close.pipe(zscore, 20).pipe(lambda f: f < -1)
table = pd.DataFrame({"a": [1, 2]}).assign(b=lambda d: d["a"] * 2, c=1)
