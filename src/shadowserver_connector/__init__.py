"""Shadowserver reports to STIX 2.1, for OpenCTI.

api/           the Reports API: sign, ask, retry, stream a file to disk
bundle/        bounded chunks of STIX objects, closed under reference
catalogue/     knowledge as data: what columns and report types mean
cli/           the command line
connector/     the running connector: registration, schedule, runs, its state in OpenCTI
history/       the history of findings: when each was reported, and what is new or gone
mapping/       from rows of a report to STIX objects
operations/    imports by hand, drop folder, checks, status, metrics
pipeline/      one report from file to chunks; many reports in processes or on a cluster
preview/       reports as one HTML page
report/        a report: its metadata, and its rows as a stream; archives
service/       the connector as a process: start, parts, end
settings/      the settings: read, checked, and the names that they have
simulator/     a Reports API on this machine, with invented reports
sink/          where bundles go: a directory, or OpenCTI
state/         what the state holds: what has been imported, and which days a run queries
stix/          STIX objects as OpenCTI reads them, with their ids
errors         the errors: what a caller must do about each, their texts, exit codes
logger         what the connector logs through, and the log itself
memory_limits  what is in memory at most during a conversion
temporary      temporary files and directories, locks, and files of blocks
waiting        what the connector waits for, and how long: Shadowserver, OpenCTI, a cluster, a full
               disk
"""

__version__ = "0.1.0"
