close = data.get('close')
later = np.roll(close.to_numpy(), -1, axis=0)
position = pd.DataFrame(later, index=close.index, columns=close.columns) > close

# title: np.roll wraps and looks ahead
# key: close
# line: 2
# date: 2004-01-02
