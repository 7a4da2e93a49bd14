mode = "trend"
close = data.get("close")
match mode:
    case "trend":
        position = close > close.average(50)
    case "reversal" | "mean":
        position = close < close.average(50)
    case [first, *rest]:
        position = close > first
    case {"kind": kind, **others}:
        position = close > 0
    case int(n) if n > 3:
        position = close > n
    case _:
        raise ValueError(mode)
sim(position)
