"""The segmentation protocol: P, QRS and T of every lead of LUDB, patient-wise folds, few labels to all, with floors."""
