"""What whoever runs the connector needs: imports by hand, drop folder, checks, status, metrics.

drop_folder      the drop folder: report files that arrive by mail, imported once and moved away
dropped_reports  dropped files: told apart from links and incomplete ones, read as reports, moved
                 away
manual_imports   files on disk and past days, imported into OpenCTI by hand; originals, into an
                 archive
metrics          Prometheus metrics of events, served next to those of pycti on the same port
reachability     whether both sides answer, take the credentials, and agree with this machine's
                 clock
status           how the connector is doing: plain data, made of events, judged against the clock
status_file      the status file: where it is, kept up to date, written whole, read back
"""
