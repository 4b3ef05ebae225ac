"""A report: its metadata, and its rows as a stream in constant memory.

anomalies     anomalies in a report file: counted, and named with file, row and column
info          what is known about a report before its rows are read: name, type, day, list, size,
              hashes
layout        how a report file is written: encoding, quoting, line lengths, delimiter, header
records       from lines to records, even if quotes are wrong
report_files  report files on disk: plain, in folders, or packed with gzip, zip or tar; archives
              are unpacked within limits, whatever they claim
table         reads a report file row by row, in constant memory; repairs anomalies and reports them
table_copy    a copy of a parsed table on disk, because parsing the CSV again takes far longer
wording       wording of messages: counts, paths, and texts of files, which may have any content
"""
