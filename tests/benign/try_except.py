close = data.get("close")
try:
    volume = data.get("volume")
except KeyError as error:
    print("no volume:", error)
    volume = None
except (ValueError, TypeError):
    raise
else:
    print("volume", volume.shape)
finally:
    print("done")
position = close > close.average(20)
if volume is not None:
    position = position & (volume > volume.average(20))
sim(position)
