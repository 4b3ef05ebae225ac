"""One report from file to chunks; many reports on an executor.

archive        the archive of original files: ``YEAR/MONTH/DAY/<file>``, with their SHA-256 beside
               them
batch          many reports from disk to a directory, on any executor
bounds         what bounds the work ahead: its number, its bytes, and the room on the disk
cluster        a Dask cluster as an executor (package ``distributed``)
compare        reports against the history of findings: compared before they are converted,
               committed after
conversions    conversions on any executor, begun before their turn, their chunks kept on disk
convert        one report: from a file to chunks of STIX objects
downloads      report files from the API to disk, ahead of those who read them, within bounds
external_sort  the rows of a report grouped by host: in memory while they are few, else in sorted
               files
outcome        what becomes of one report: the counts that are shown, logged and checked; or a
               failure
processes      where conversions run: in this process, in processes that survive each other, on a
               cluster
"""
