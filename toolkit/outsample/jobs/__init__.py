"""Background jobs: submitted here, run by a supervisor on this machine or by workers behind Redis.

The job table is the only truth. See `outsample.jobs.states` for its rules, `outsample.jobs.supervisor` for who
runs jobs, `outsample.jobs.queues` for what goes through Redis: ids.
"""

from outsample.jobs.job import Job, JobTables, submit

__all__ = ["Job", "JobTables", "submit"]
