import itertools
import math
import random
import re
import statistics
from collections import Counter, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Dict, List, Optional, Tuple

Point = namedtuple("Point", ["x", "y"])


class Side(Enum):
    LONG = 1
    SHORT = -1


random.seed(7)
counts: Dict[str, int] = Counter("abca")
groups: "defaultdict[str, List[int]]" = defaultdict(list)
queue = deque(maxlen=3)
for a, b in itertools.combinations(range(3), 2):
    groups[str(a)].append(b)
    queue.append(Point(a, b).x)
value: Optional[float] = math.sqrt(4) + statistics.mean([1, 2]) + float(Decimal("1.5")) + float(Fraction(1, 2))
matches: Tuple[str, ...] = tuple(re.findall(r"\d+", "a1b22"))
close = data.get("close")
position = (close > close.average(20)).astype(float) * Side.LONG.value
