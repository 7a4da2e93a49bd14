member = data.get('universe')
position = member.shift(-1) == True

# title: who joins the index tomorrow
# key: universe
# line: 2
# date: 2015-01-01
