"""Published command ``python -m ssrl_ecg.label_scarcity_benchmark``, and ``LabelScarcityBenchmark`` for programs."""

from ssrl_ecg.cli.published_scarcity import main
from ssrl_ecg.evaluation.scarcity.published import LabelScarcityBenchmark as LabelScarcityBenchmark

if __name__ == "__main__":
    raise SystemExit(main())
