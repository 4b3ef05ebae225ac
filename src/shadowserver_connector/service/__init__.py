"""The connector as a process: what it consists of, started, supervised, and stopped in time.

assembly  the connector, put together: what runs, and what it looks at between two runs
process   the connector as a process: started, supervised, and stopped in time
"""
