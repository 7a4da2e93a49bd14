"""Two moving averages."""
fast = 20  # 5..60, days of the fast average
slow = 60

close = data.get("close")
position = close.average(fast) > close.average(slow)
sim(position, resample="M")
