def combine(first, *others, how="and", **options):
    result = first
    for other in others:
        result = (result & other) if how == "and" else (result | other)
    return result


close = data.get("close")
conditions = [close > close.average(n) for n in (5, 20, 60)]
options = {"how": "and", "note": "x"}
position = combine(*conditions, **options)
first, *rest = conditions
