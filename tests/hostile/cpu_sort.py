# category: cpu
# harm: time
# expect: timeout
# A sort whose comparison never ends.
class Slow:
    def __lt__(self, other):
        while True:
            pass


sorted([Slow(), Slow()])
