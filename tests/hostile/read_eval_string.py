# category: read
# harm: canary
# expect: strategy_error
# Code in a string.
print(eval("__imp" + "ort__('io').op" + "en('{CANARY}').read()"))
