"""How far scores fall when recordings get worse: models trained on clean records, scored on corrupted ones.

``CORRUPTIONS`` says what is done to a record, ``models`` what is trained once, ``protocol`` scores every model on the
very same corrupted samples and keeps the scores, ``tables`` and ``report`` read them.
"""
