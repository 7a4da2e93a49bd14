# category: read
# harm: canary
# expect: strategy_error
# codecs.open.
import codecs
print(codecs.open("{CANARY}", encoding="utf-8").read())
