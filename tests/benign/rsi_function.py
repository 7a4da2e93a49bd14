import numpy as np
import pandas as pd


def rsi(close: pd.DataFrame, n: int = 14) -> pd.DataFrame:
    """Relative strength index after Wilder."""
    delta = close.diff()
    up = delta.clip(lower=0).ewm(alpha=1 / n, adjust=False).mean()
    down = (-delta.clip(upper=0)).ewm(alpha=1 / n, adjust=False).mean()
    return 100 - 100 / (1 + up / down.replace(0, np.nan))


close = data.get("close")
position = (rsi(close) < 30).astype(float)
sim(position, resample="W", fee_ratio=0.001)
