"""Published command ``python -m ssrl_ecg.evaluate``: a classifier on test records."""

from ssrl_ecg.cli.published_evaluation import main
from ssrl_ecg.evaluation.evaluate import evaluate_model as evaluate_model

if __name__ == "__main__":
    raise SystemExit(main())
