import functools


def logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        result = function(*args, **kwargs)
        print(f"{function.__name__}: {result.shape}")
        return result

    return inner


@logged
def momentum(close, n=20):
    return close.pct_change(n)


position = momentum(data.get("close")) > 0
