# category: write
# harm: file
# expect: ok
# At the end of the process.
import atexit
atexit.register(lambda: open("{TARGET}", "w").write("x"))
position = data.get("close") > 0
