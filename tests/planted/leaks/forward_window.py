close = data.get('close')
ahead = pd.api.indexers.FixedForwardWindowIndexer(window_size=5)
position = close.rolling(ahead).mean() > close

# title: a window that looks forward
# key: close
# line: 2
# date: 2004-01-02
