"""Vocabulary and plain signal processing of the 12-lead ECG; knows nothing of learning.

Nothing is re-exported here, so that reading a lead name does not import torch: take names from ``leads``,
``preprocessing``, ``filters``, ``resample`` and ``vcg``.
"""
