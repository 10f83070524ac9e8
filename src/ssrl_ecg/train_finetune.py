"""Published command ``python -m ssrl_ecg.train_finetune``: a classifier from a pretrained encoder."""

from ssrl_ecg.cli.published_training import finetune as main

if __name__ == "__main__":
    raise SystemExit(main())
