"""The connector as a process: what it consists of, started, supervised, and stopped in time.

assembly  puts the connector together: what runs, and what is checked between two runs
process   the connector as a process: started, supervised, and stopped in time
"""
