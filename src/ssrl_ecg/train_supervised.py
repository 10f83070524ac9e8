"""Published command ``python -m ssrl_ecg.train_supervised``: a classifier from scratch."""

from ssrl_ecg.cli.published_training import supervised as main

if __name__ == "__main__":
    raise SystemExit(main())
