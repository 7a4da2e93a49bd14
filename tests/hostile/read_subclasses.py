# category: read
# harm: canary
# expect: strategy_error
# A class found by walking the tree of all classes.
found = [c for c in object.__subclasses__() if c.__name__ == "FileLoader"]
print(found[0]("x", "{CANARY}").get_data("{CANARY}").decode())
