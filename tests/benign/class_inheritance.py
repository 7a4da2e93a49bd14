class Base:
    def __init__(self, n):
        self._n = n

    def signal(self, close):
        raise NotImplementedError


class Trend(Base):
    def __init__(self, n, k=1.0):
        super().__init__(n)
        self.k = k

    def signal(self, close):
        return close > self.k * close.rolling(self._n).mean()


position = Trend(50).signal(data.get("close"))
