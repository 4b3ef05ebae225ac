"""The running connector: registration, schedule, runs, and its state in OpenCTI.

day_import     the reports of one day, as the API lists them: downloaded ahead, imported in turn
estimates      what an import will cost, before anything is downloaded
events         what happens in a running connector, for its observers
helper         pycti's helper: registered with an OpenCTI of any version, kept from ending the
               process
history_store  the history of findings on disk: where it is, opened, kept in bounds
importer       imports reports into OpenCTI, from any source: converted, delivered, counted,
               recorded
run            one run: query the days of the window, import what is new, record it; and runs at
               their times, forever
state_store    the connector's state in OpenCTI: read, written, and found to be reset or damaged
"""
