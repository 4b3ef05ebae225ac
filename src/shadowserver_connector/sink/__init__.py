"""Where bundles go: a directory, or OpenCTI.

artifact   the original file as an Artifact: in the queue while small, by OpenCTI's API when large
delivered  which objects need not be sent again: sent in this work with the same content, and in
           OpenCTI
directory  bundles in a directory, one folder for each report: ``OUT/<day>/<report file>/<n>.json``
opencti    the OpenCTI sink: a report day's chunks, delivered in one work
platform   calls to OpenCTI through pycti's helper, with what can go wrong made plain
works      OpenCTI's works: what a run shows in the platform's list of imports, and whose they are
"""
