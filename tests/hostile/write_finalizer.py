# category: write
# harm: file
# expect: ok
# When an object dies.
class Late:
    def __del__(self):
        open("{TARGET}", "w").write("x")


late = Late()
del late
position = data.get("close") > 0
