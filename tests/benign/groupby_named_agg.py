close = data.get("close")
long = close.stack().rename("price").reset_index()
long.columns = ["date", "symbol", "price"]
table = long.groupby("symbol").agg(low=("price", "min"), high=("price", "max"), mean=("price", "mean"))
print(table.head().to_string())
position = close > close.average(60)
