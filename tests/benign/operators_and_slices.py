import operator as op
from operator import itemgetter

close = data.get("close")
compare = {">": op.gt, "<": op.lt}[">"]
ordered = sorted({"a": 2, "b": 1}.items(), key=itemgetter(1), reverse=True)
position = compare(close, close.average(20))
position = position.iloc[:, ::2]
position = position.iloc[20:]
head, tail = ordered[0], ordered[-1]
