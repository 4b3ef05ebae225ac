"""STIX 2.1 objects as OpenCTI reads them: deterministic ids and constructors of plain dicts.

ids             the id of every type, equal to the platform's own
origin          what the objects of a run share: author, markings, constants
markings        TLP marking definitions
observables     addresses, names, URLs, files, certificates, accounts, network traffic
shared_objects  what other sources know too: CVEs, malware, countries, AS, software, indicators
containers      Report, Case Incident, Note, Observed-Data
relationships   between any of these
"""
