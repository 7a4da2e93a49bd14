class NotEnoughData(ValueError):
    """Raised when the history is short."""


close = data.get("close")
assert not close.empty, "empty"
if len(close) < 10:
    raise NotEnoughData(f"{len(close)} rows") from None
try:
    position = close > close.average(20)
except Exception as e:
    print(type(e).__name__, str(e), e.args)
    raise RuntimeError("failed") from e
