"""What whoever runs the connector needs: imports by hand, archive, drop folder, status, metrics.

drop_folder    the drop folder: report files as they come by mail, imported once and put away
dropped_files  dropped files: told apart from links and half-written ones, copied, taken apart, put
               away
imports        files on disk and days of the past, into OpenCTI by hand; originals into an archive
metrics        Prometheus metrics of what happens, beside those of pycti and on the same port
reachability   whether both sides answer, take the credentials, and agree with this machine's clock
status         how the connector is doing: plain data, made of events, judged against the clock
status_file    the status file: where it is, kept up to date, written whole, read back
"""
