from dataclasses import dataclass, field


@dataclass(frozen=True)
class Params:
    fast: int = 10
    slow: int = 40
    tags: list = field(default_factory=list)


p = Params()
close = data.get("close")
position = close.rolling(p.fast).mean() > close.rolling(p.slow).mean()
sim(position, resample="M")
