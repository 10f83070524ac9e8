"""Published command ``python -m ssrl_ecg.train_ssl_byol``: BYOL pretraining."""

from ssrl_ecg.cli.published_pretraining import byol as main

if __name__ == "__main__":
    raise SystemExit(main())
