# category: memory
# harm: memory
# expect: memory
# A text that doubles.
text = "x" * 1024
while True:
    text += text
    list(text[:10])
