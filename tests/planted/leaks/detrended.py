close = data.get('close')
from scipy.signal import detrend
flat = detrend(np.log(close.to_numpy()), axis=0)
position = pd.DataFrame(flat < 0, index=close.index, columns=close.columns)

# title: a straight line fitted through the whole sample
# key: close
# line: 3
# date: 2004-01-02
