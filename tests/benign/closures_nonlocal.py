def counter():
    total = 0

    def add(n):
        nonlocal total
        total += n
        return total

    return add


calls = 0


def count():
    global calls
    calls += 1


add = counter()
add(2)
count()
close = data.get("close")
position = close > close.average(10 * add(1))
