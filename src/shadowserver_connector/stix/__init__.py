"""STIX 2.1 objects as OpenCTI reads them: deterministic ids and constructors of plain dicts.

ids               STIX ids, equal to the standard ids that OpenCTI computes itself
origin            the source, and who may read it: what the objects of a run have in common
observables       observables (STIX cyber-observable objects) as plain dicts
reported_objects  report, case, note and observed-data, which contain a report's objects, and
                  relationships
shared_objects    objects that stand for something outside of any report, and that other sources
                  know too
"""
