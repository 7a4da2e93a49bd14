class Section:
    def __init__(self, title):
        self.title = title

    def __enter__(self):
        print("begin", self.title)
        return self

    def __exit__(self, kind, value, trace):
        print("end", self.title)
        return False


with Section("signals") as section:
    close = data.get("close")
    position = close > close.average(20)
