def windows(low, high):
    step = low
    while step <= high:
        yield step
        step *= 2


def chain(*parts):
    for part in parts:
        yield from part


close = data.get("close")
votes = sum((close > close.rolling(n).mean()).astype(int) for n in chain(windows(5, 20), (60,)))
position = votes >= 2
