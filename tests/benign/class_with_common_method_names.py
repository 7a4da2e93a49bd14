class Momentum:
    """Methods with everyday names."""

    def __init__(self, window=60, top=10):
        self.window = window
        self.top = top
        self._cache = {}

    def signal(self, close):
        if "momentum" not in self._cache:
            self._cache["momentum"] = close.pct_change(self.window)
        return self._cache["momentum"]

    def save(self, key, value):
        self._cache[key] = value

    def load(self, key):
        return self._cache.get(key)

    def test(self):
        return self.window > 0

    def plot(self):
        return "nothing to draw"

    def run(self, close):
        assert self.test()
        self.save("top", self.top)
        return self.signal(close).is_largest(self.load("top"))


model = Momentum(window=40)
position = model.run(data.get("close"))
print(model.plot())
sim(position, resample="M")
