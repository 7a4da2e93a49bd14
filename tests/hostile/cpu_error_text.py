# category: cpu
# harm: time
# expect: timeout
# An error whose text never ends.
class Endless(Exception):
    def __str__(self):
        while True:
            pass


raise Endless
