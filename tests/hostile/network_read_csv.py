# category: network
# harm: hit
# expect: strategy_error
# pandas fetches.
pd.read_csv("http://127.0.0.1:{PORT}/x.csv")
