print("📈 報酬", "ünïcödé", "\u4e2d\u6587", "\t tab", r"\d+")
close = data.get("close")
position = close > close.average(20)  # ← 均線
