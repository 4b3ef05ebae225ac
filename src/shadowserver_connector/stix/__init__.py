"""STIX 2.1 objects as OpenCTI reads them: deterministic ids and constructors of plain dicts.

ids               STIX ids, equal to the standard ids that OpenCTI computes itself
observables       observables (STIX cyber-observable objects) as plain dicts
reported_objects  report, case, note and observed-data, which contain a report's objects, and
                  relationships
shared_objects    objects that stand for something outside of any report, and that other sources
                  know too; author, markings and confidence, which the objects of a run share
"""
