close = data.get("close")
limit = 10
stats = pd.DataFrame({"first": close.iloc[0], "n": close.notna().sum()})
liquid = stats.query("first > 0 and n >= @limit").index
tagged = stats.eval("first > 0")
position = (close > close.average(20))[list(liquid)]
