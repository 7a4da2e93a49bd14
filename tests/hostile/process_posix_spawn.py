# category: exec
# harm: says
# expect: strategy_error
# posix_spawn.
import os
child = os.posix_spawn("/bin/true", ["true"], {})
if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
    raise PermissionError("spawn")
print("HARM")
