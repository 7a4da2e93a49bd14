import scipy.stats as st
import scipy.signal
import scipy.linalg

close = data.get("close")
threshold = st.t.ppf(0.9, df=10)
kernel = scipy.signal.get_window("hann", 5)
inverse = scipy.linalg.inv(np.eye(2))
position = close.pct_change(5) > 0.01 * threshold / (1 + kernel.sum() + inverse.sum())
