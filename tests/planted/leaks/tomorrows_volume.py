volume = data.get('volume')
surge = volume.shift(-1) > 1.2 * volume.average(20)
position = surge

# title: tomorrow's volume
# key: volume
# line: 2
# date: 2004-01-15
