"""Slow twins of the statistics, written from the definitions; they share no line with the package."""

import itertools
import math

MASK = 2**64 - 1


def uniforms(seed, path):
    """The numbers in [0, 1) of one stream: splitmix64, 53 bits each."""
    state = seed ^ ((path + 1) * 0xD1342543DE82EF95 & MASK)
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        yield ((z ^ (z >> 31)) >> 11) / 2**53


def indices(seed, path, n, kind, block):
    """The observations of one path, one by one."""
    draw = uniforms(seed, path)
    if kind == "order":
        order = list(range(n))
        for place in range(n - 1, 0, -1):
            other = int(next(draw) * (place + 1))
            order[place], order[other] = order[other], order[place]
        return order
    fixed = {"stationary": None, "iid": 1}.get(kind, min(max(math.ceil(block), 1), n))
    found = []
    while len(found) < n:
        start = int(next(draw) * (n - fixed + 1 if kind == "moving" else n))
        u = next(draw)
        length = fixed or 1
        # The smallest length whose probability of not being exceeded is above u.
        while fixed is None and block > 1 and length < n and 1 - (1 - 1 / block) ** length <= u:
            length += 1
        found += [(start + step) % n for step in range(length)]
    return found[:n]


def path_statistics(returns, year, rate=0.0):
    """Sharpe ratio, CAGR, volatility, maximum drawdown, final wealth and longest time under water."""
    n = len(returns)
    excess = [r - rate for r in returns]
    mean = sum(excess) / n
    spread = math.sqrt(sum((r - mean) ** 2 for r in excess) / (n - 1))
    wealth = peak = 1.0
    worst, since, longest = 0.0, 0, 0
    for bar, r in enumerate(returns, start=1):
        wealth = wealth * (1 + r) if r > -1 and wealth > 0 else 0.0
        if wealth >= peak:
            peak, since = wealth, bar
        else:
            # A recovery on the next bar counts too; the last bar ends what is left.
            longest = max(longest, bar - since + (bar < n))
        worst = min(worst, wealth / peak - 1)
    flat = spread <= 1e-12 * max(map(abs, excess))
    return {
        "sharpe": math.nan if flat else mean / spread * math.sqrt(year),
        "cagr": wealth ** (year / n) - 1,
        "volatility": 0.0 if flat else spread * math.sqrt(year),
        "max_drawdown": worst,
        "final_wealth": wealth,
        "longest_under_water": longest,
    }


def stationary_mean_variance(x, block):
    """The variance of the mean of a resample, times n, summed over all pairs of places.

    Two places i < j of a path lie in one block with probability q^(j-i), and then they are j - i apart on the
    circle; otherwise they are independent.
    """
    n, q = len(x), 1 - 1 / block
    mean = sum(x) / n
    d = [value - mean for value in x]
    circular = [sum(d[t] * d[(t + lag) % n] for t in range(n)) / n for lag in range(n)]
    total = n * circular[0] + 2 * sum((n - lag) * q**lag * circular[lag] for lag in range(1, n))
    return total / n


def resampled_means(table, seed, path, block):
    n = len(table)
    chosen = indices(seed, path, n, "stationary", block)
    return [sum(table[t][column] for t in chosen) / n for column in range(len(table[0]))]


def _centred(table):
    n, columns = len(table), range(len(table[0]))
    means = [sum(row[column] for row in table) / n for column in columns]
    return means, [[row[column] - means[column] for column in columns] for row in table]


def reality_check(table, block, count, seed):
    """White's p-value, a replicate at a time."""
    means, centred = _centred(table)
    above = sum(max(resampled_means(centred, seed, path, block)) >= max(means) for path in range(count))
    return (1 + above) / (1 + count)


def _studentised(table, block, count, seed):
    means, centred = _centred(table)
    n, columns = len(table), range(len(table[0]))
    omega = [math.sqrt(stationary_mean_variance([row[column] for row in table], block)) for column in columns]
    z = [math.sqrt(n) * means[column] / omega[column] for column in columns]
    draws = [
        [math.sqrt(n) * mean / deviation for mean, deviation in zip(row, omega, strict=True)]
        for row in (resampled_means(centred, seed, path, block) for path in range(count))
    ]
    return z, draws


def spa(table, block, count, seed):
    """Hansen's three p-values, a replicate at a time."""
    z, draws = _studentised(table, block, count, seed)
    far = -math.sqrt(2 * math.log(math.log(len(table))))
    shifts = {
        "lower": [min(value, 0.0) for value in z],
        "consistent": [value if value < far else 0.0 for value in z],
        "upper": [0.0 for _ in z],
    }
    statistic, found = max(0.0, *z), {}
    for name, shift in shifts.items():
        above = sum(max(0.0, *(a + b for a, b in zip(row, shift, strict=True))) >= statistic for row in draws)
        found[name] = (1 + above) / (1 + count)
    return found


def step_m(table, block, count, seed, alpha):
    """Romano and Wolf's steps, a replicate at a time."""
    z, draws = _studentised(table, block, count, seed)
    left, found = set(range(len(z))), []
    while left:
        largest = sorted(max(row[column] for column in left) for row in draws)
        place = (1 - alpha) * (count - 1)
        below = math.floor(place)
        bar = largest[below] + (place - below) * (largest[min(below + 1, count - 1)] - largest[below])
        new = [column for column in left if z[column] > bar]
        if not new:
            break
        found += new
        left -= set(new)
    return sorted(found)


def _ratio(values):
    mean = sum(values) / len(values)
    return mean / math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def overfitting(table, splits):
    """Share of logits at or below 0, and all logits, over the combinations of half of the blocks."""
    rows, logits = len(table) // splits, []
    for chosen in itertools.combinations(range(splits), splits // 2):
        halves = [], []
        for block in range(splits):
            halves[block not in chosen].extend(table[block * rows : (block + 1) * rows])
        inside, outside = ([_ratio([row[k] for row in half]) for k in range(len(table[0]))] for half in halves)
        best = inside.index(max(inside))
        share = sum(value <= outside[best] for value in outside) / (len(outside) + 1)
        logits.append(math.log(share / (1 - share)))
    return sum(logit <= 0 for logit in logits) / len(logits), logits
