volume = data.get('volume')
busy = volume.quantile(0.7)
position = volume > busy

# title: a quantile of all volumes
# key: volume
# line: 2
# date: 2004-01-02
