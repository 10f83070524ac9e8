"""ssrl_ecg: ECG representations from unlabelled 12-lead recordings, and what they buy when labels are scarce."""

__version__ = "0.1.0"
