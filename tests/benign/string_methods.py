close = data.get("close")
names = [str(s).upper().strip().replace(" ", "_") for s in close.columns]
mask = close.columns.astype(str).str.startswith(("A", "B", "S"))
label = "-".join(names[:3]) + " ".join(["x", "y"])
parts = "a,b;c".split(",")
position = close.loc[:, mask | True] > 0
