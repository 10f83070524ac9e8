"""Published command ``python -m ssrl_ecg.train_ssl``: pretraining by masked reconstruction."""

from ssrl_ecg.cli.published_pretraining import masked as main

if __name__ == "__main__":
    raise SystemExit(main())
