volume = data.get('volume')
position = volume > 1.2 * volume.average(20)
