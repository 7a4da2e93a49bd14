close = data.get("close")
name, ratio = "趨勢", 0.12345
print(f"{name!r:>10} {ratio:.2%} {close.shape[0]:,} {'yes' if ratio > 0 else 'no'}")
print("{} of {:.2f}, {name:>8}".format(1, 2.0, name="x"))
print("%s %d %.3f" % ("a", 1, 2.0))
print(f"{ratio:{8}.{3}f}", "a" "b", sep=" | ", end="\n")
position = close > close.average(10)
