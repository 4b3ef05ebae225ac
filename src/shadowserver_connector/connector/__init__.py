"""OpenCTI's side: registration, schedule, works, state.

day          the reports of one day, as the API lists them: downloaded ahead, imported in turn
events       what happens in a running connector, for whoever keeps count of it
findings     the history of findings of a connector: where it lies, and what a run does with it
helper       pycti's helper: registered with an OpenCTI of any version, kept from ending the
             process
importer     reports into OpenCTI, wherever they come from: converted, delivered, counted,
             remembered
log_lines    the log: one event a line, as JSON or as text, with all that is known of it
run          one run: ask for the days of the window, import what is new, remember it
schedule     runs at their times, for ever: nothing that a run raises ends the schedule
state_store  the state in OpenCTI: read, written, and noticed to be gone
"""
