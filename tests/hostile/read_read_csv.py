# category: read
# harm: canary
# expect: strategy_error
# pandas reads files.
print(pd.read_csv("{CANARY}", header=None).to_string())
