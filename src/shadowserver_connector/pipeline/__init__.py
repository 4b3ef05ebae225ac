"""One report from file to chunks; many reports on an executor.

archive             the archive of original files: ``YEAR/MONTH/DAY/<file>``, with their SHA-256
                    hashes
batch               many reports from disk to a directory, on any executor
bounds              limits on what is done ahead: how many items, how many bytes, and the room on
                    the disk
cluster             a Dask cluster as an executor, with the package ``distributed``
conversion_retries  conversions that are repeated while the disk is full, or while a cluster is
                    unavailable
conversions_ahead   conversions on any executor, started before their turn, their chunks kept on
                    disk
convert             one report: from a file to chunks of STIX objects
downloads_ahead     report files from the API to disk, ahead of those who read them, within bounds
external_sort       the rows of a report grouped by host: in memory if they are few, otherwise in
                    sorted files
outcome             the result of one report: the counts that are shown, logged and checked; or a
                    failure
processes           where conversions run: in this process, in processes that survive each other, on
                    a cluster
report_comparer     reports compared with the history of findings before conversion, and committed
                    after delivery
"""
