"""Bounded chunks of STIX objects, closed under reference.

chunk           from findings to chunks: bounded, merged by id, ordered, closed under reference
finding         what one finding adds to a bundle: serialised objects, labels, observations, a Note
large_findings  findings that fit in no chunk, divided into several that do
"""
