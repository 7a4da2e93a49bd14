# category: parent
# harm: victim
# expect: strategy_error
# A limit that ends it.
import resource
resource.prlimit({VICTIM}, resource.RLIMIT_CPU, (0, 0))
import os
os.kill({VICTIM}, 9)
