# category: introspection
# harm: says
# expect: strategy_error
# Raising a limit.
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
print("HARM")
