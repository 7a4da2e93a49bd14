close = data.get('close')
sim(close > close.average(30), resample='W')
