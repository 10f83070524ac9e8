"""All published phases in order: pretraining, supervised, fine-tuning, label scarcity, evaluation; see --help."""

from ssrl_ecg.cli.published_experiments import main

if __name__ == "__main__":
    raise SystemExit(main())
