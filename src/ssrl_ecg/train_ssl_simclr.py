"""Published command ``python -m ssrl_ecg.train_ssl_simclr``: SimCLR pretraining."""

from ssrl_ecg.cli.published_pretraining import simclr as main

if __name__ == "__main__":
    raise SystemExit(main())
