'''
This strategy talks about eval, exec, open('x'), __import__ and to_csv in its text only.
"""nested quotes"""
'''
# import os; os.system("...")  is only a comment
message = "eval(open('file').read()) and __class__ in a sentence"
close = data.get("close")
position = close > close.average(20)
print(message, "don't use .to_csv here")
