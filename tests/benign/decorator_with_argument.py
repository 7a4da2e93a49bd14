from functools import lru_cache, partial, wraps


def clipped(low, high):
    def decorate(f):
        @wraps(f)
        def inner(*a, **k):
            return f(*a, **k).clip(low, high)

        return inner

    return decorate


@clipped(-1, 1)
def score(close, *, n=10):
    return close.pct_change(n) * 10


@lru_cache(maxsize=None)
def half_life(n):
    return 0.5 ** (1 / n)


short = partial(score, n=5)
position = (short(data.get("close")) > half_life(10) - 1).astype(int)
