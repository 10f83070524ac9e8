"""How often do the comparisons call equally good models different? Type-I errors by simulation, no recordings.

10,000 simulated studies for each figure, every one judged by the library's own functions at the 5 % level. Models are
equally good by construction: each is as likely as the other to come out ahead.

- Scores (``cohort``): patients with one to three records; labels of a patient agree mostly; two models' scores share
  what is hard about a patient and about a record, and each has a patient part and a record part of its own. With label
  subsets, each subset shifts the skill of every model, partly alike.
- Splits (``split_scores``): one data set, ten random splits (70 % train, 15 % test); nearest-mean classifiers learn
  from disjoint, equally informative measurements.
- Data sets (``table_of_data_sets``): methods scatter evenly around the difficulty of each data set.

Bars: 4 to 6 % for DeLong's test and the paired bootstrap; at most 6 % family-wise for the corrections. Figures without
a bar show where the methods end: records taken for patients, splits taken for independent, few positives, few subsets.

    python benchmarks/comparison_errors.py --data PTBXL
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from measure import SEED, Outcome, Sample, at_least, at_most, main
from scipy.stats import rankdata

from ssrl_ecg.metrics.bootstrap import Interval, percentile_interval, replicate_values
from ssrl_ecg.metrics.comparison import Difference, bootstrap_p_value, holm_corrected, paired_bootstrap
from ssrl_ecg.metrics.delong import delong_test
from ssrl_ecg.metrics.multilabel import auroc
from ssrl_ecg.metrics.rank_tests import friedman, holm_against, nemenyi
from ssrl_ecg.metrics.resampled_tests import corrected_t_test
from ssrl_ecg.metrics.resampling import EvaluatedRecords, ModelScores, Resamples, draw_resamples
from ssrl_ecg.metrics.student import TInterval

N_SIMULATIONS, N_REPLICATES, ALPHA = 10_000, 199, 0.05
N_SPLITS, N_FEATURES, TRAIN_FRACTION, TEST_FRACTION = 10, 5, 0.70, 0.15
Generator = np.random.Generator
Study = partial[dict[str, bool]]
"""One simulated study from a generator: figure -> whether it called equal models different."""


def cohort(
    rng: Generator,
    *,
    n_patients: int,
    prevalence: float = 0.3,
    n_models: int = 2,
    n_subsets: int = 1,
    most_records: int = 3,
    subset_sd: float = 0.0,
) -> tuple[EvaluatedRecords, list[ModelScores]]:
    """Draw patients with 1 to ``most_records`` records and the scores of equally good models.

    Args:
        rng: the only source of randomness.
        n_patients: patients.
        prevalence: share of positive records.
        n_models: models.
        n_subsets: label subsets each model was trained on.
        most_records: of one patient.
        subset_sd: scatter of a model's skill (distance of the classes, 1 on average) over subsets.
    """
    patients = np.repeat(np.arange(n_patients), rng.integers(1, most_records + 1, n_patients))
    n = len(patients)
    tendency = 0.9 * rng.normal(size=n_patients)[patients] + np.sqrt(1 - 0.9**2) * rng.normal(size=n)
    n_positive = max(2, round(prevalence * n))
    target = np.zeros(n, dtype=np.uint8)
    target[np.argsort(-tendency)[:n_positive]] = 1
    shared = 0.6 * rng.normal(size=n_patients)[patients] + 0.5 * rng.normal(size=n)
    alike = rng.normal(size=n_subsets)
    models = []
    for _ in range(n_models):
        skill = 1 + subset_sd * np.sqrt(0.5) * (alike + rng.normal(size=n_subsets))
        own = 0.6 * rng.normal(size=n_patients)[patients] + 0.4 * rng.normal(size=n)
        scores = skill[:, np.newaxis] * target + shared + own + 0.3 * rng.normal(size=(n_subsets, n))
        models.append(ModelScores(scores[:, :, np.newaxis]))
    return EvaluatedRecords(target[:, np.newaxis], patients, np.zeros(n), ("class",)), models


def delong_study(rng: Generator, **settings: Any) -> dict[str, bool]:
    """Test two models by DeLong, with the patients and as if every record were a patient."""
    records, (first, second) = cohort(rng, **settings)
    alone = EvaluatedRecords(records.targets, np.arange(len(records.targets)), records.folds, records.classes)
    return {
        "patients": delong_test(records, first, second).per_class["class"].p_value <= ALPHA,
        "records taken for patients": delong_test(alone, first, second).per_class["class"].p_value <= ALPHA,
    }


def bootstrap_study(rng: Generator, **settings: Any) -> dict[str, bool]:
    """Test two models by the paired bootstrap."""
    records, (first, second) = cohort(rng, **settings)
    found = paired_bootstrap(records, first, second, generator=rng, n_replicates=N_REPLICATES)
    return {"verdict": found.macro.verdict in ("better", "worse")}


def holm_study(rng: Generator, **settings: Any) -> dict[str, bool]:
    """Compare all pairs of models by two-way bootstraps on shared draws, uncorrected and corrected by Holm."""
    records, models = cohort(rng, **settings)
    n_subsets = len(models[0].subsets)
    drawn = draw_resamples(records, n_subsets, N_REPLICATES, rng)
    whole = Resamples.whole_sample(len(records.targets), n_subsets)
    values = [
        [replicate_values(records, model, auroc, resamples)[:, 0] for resamples in (whole, drawn)] for model in models
    ]
    family: dict[str, Difference[Interval]] = {}
    for one, other in combinations(range(len(models)), 2):
        estimate, replicates = (a - b for a, b in zip(values[one], values[other], strict=True))
        interval = percentile_interval(float(estimate[0]), replicates, 1 - ALPHA)
        family[f"{one}-{other}"] = Difference(interval=interval, p_value=bootstrap_p_value(replicates))
    return errors_of(family)


def errors_of(family: dict[str, Any]) -> dict[str, bool]:
    """Whether the first comparison of a family errs, and whether any does, uncorrected and by Holm."""
    called = [one.verdict in ("better", "worse") for one in family.values()]
    corrected = holm_corrected(family).values()
    return {
        "one comparison": called[0],
        "any, uncorrected": any(called),
        "any, Holm": any(one.verdict in ("better", "worse") for one in corrected),
    }


def split_scores(rng: Generator, *, n_records: int, n_models: int) -> np.ndarray:
    """AUROC of nearest-mean classifiers on random splits of one new data set, (model, split)."""
    target = np.arange(n_records) < 0.4 * n_records
    features = rng.normal(size=(n_models, n_records, N_FEATURES)) + 0.4 * target[:, np.newaxis]
    order = np.argsort(rng.random((N_SPLITS, n_records)), axis=1)
    n_train, n_test = round(TRAIN_FRACTION * n_records), round(TEST_FRACTION * n_records)
    train = np.zeros((N_SPLITS, n_records))
    np.put_along_axis(train, order[:, :n_train], 1.0, axis=1)
    test = order[:, n_records - n_test :]
    sides = [train * target, train * ~target]
    positive_mean, negative_mean = (side @ features / side.sum(axis=1, keepdims=True) for side in sides)
    scores = np.swapaxes(features @ np.swapaxes(positive_mean - negative_mean, 1, 2), 1, 2)
    of_test = np.take_along_axis(scores, np.broadcast_to(test, (n_models, *test.shape)), axis=2)
    n_positive = target[test].sum(axis=1)
    rank_sum = np.where(target[test], rankdata(of_test, axis=2), 0).sum(axis=2)
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * (n_test - n_positive))


def split_study(rng: Generator, *, n_records: int, n_models: int) -> dict[str, bool]:
    """Compare all pairs of learners by the corrected t-test, and by one that takes splits for independent."""
    values = split_scores(rng, n_records=n_records, n_models=n_models)

    def family(n_test: float) -> dict[str, Difference[TInterval]]:
        pairs = combinations(range(n_models), 2)
        return {
            f"{one}-{other}": corrected_t_test(values[one], values[other], n_train=TRAIN_FRACTION, n_test=n_test)
            for one, other in pairs
        }

    naive = errors_of(family(1e-12))
    return errors_of(family(TEST_FRACTION)) | {"one comparison, splits taken for independent": naive["one comparison"]}


def table_of_data_sets(rng: Generator, *, n_data_sets: int, n_methods: int, worse: float = 0.0) -> np.ndarray:
    """Metric of equal methods, (data set, method): own difficulty and scatter per data set; the last one ``worse``."""
    scatter = rng.uniform(0.005, 0.05, size=(n_data_sets, 1))
    values = rng.uniform(0.6, 0.95, size=(n_data_sets, 1)) + scatter * rng.normal(size=(n_data_sets, n_methods))
    values[:, -1:] -= worse * scatter
    return values


def friedman_study(rng: Generator, *, n_data_sets: int, n_methods: int, worse: float = 0.0) -> dict[str, bool]:
    """Test equal methods, and pairs of them where Friedman's test rejects; the one that is worse does not count."""
    values = table_of_data_sets(rng, n_data_sets=n_data_sets, n_methods=n_methods, worse=worse)
    names = [f"m{column}" for column in range(n_methods)]
    result = friedman(values, data_sets=[f"d{row}" for row in range(n_data_sets)], methods=names)
    rejects = result.p_value <= ALPHA
    equal = names[:-1] if worse else names
    pairs = nemenyi(result) if rejects else {}
    against = holm_against(result, names[0]) if rejects else {}
    return ({} if worse else {"Friedman": rejects}) | {
        "any pair, Nemenyi": any(p <= ALPHA for pair, p in pairs.items() if set(pair) <= set(equal)),
        "any against a control, Holm": any(p <= ALPHA for method, p in against.items() if method in equal),
    }


STUDIES: dict[str, Study] = {
    "DeLong, 200 patients": partial(delong_study, n_patients=200),
    "DeLong, 50 patients": partial(delong_study, n_patients=50),
    "DeLong, 200 patients, 4 % positive": partial(delong_study, n_patients=200, prevalence=0.04),
    "bootstrap, 150 patients": partial(bootstrap_study, n_patients=150),
    "bootstrap, 40 patients": partial(bootstrap_study, n_patients=40),
    "bootstrap, 150 patients, 4 % positive": partial(bootstrap_study, n_patients=150, prevalence=0.04),
    "two-way bootstrap, 3 models, 10 subsets": partial(
        holm_study, n_patients=60, n_models=3, n_subsets=10, subset_sd=0.2
    ),
    "two-way bootstrap, 3 models, 3 subsets": partial(
        holm_study, n_patients=60, n_models=3, n_subsets=3, subset_sd=0.2
    ),
    "ten splits, 3 learners": partial(split_study, n_records=200, n_models=3),
    "5 data sets, 4 methods": partial(friedman_study, n_data_sets=5, n_methods=4),
    "12 data sets, 4 methods": partial(friedman_study, n_data_sets=12, n_methods=4),
    "12 data sets, 4 methods, one of them worse": partial(friedman_study, n_data_sets=12, n_methods=4, worse=3.0),
    "3 data sets, 3 methods": partial(friedman_study, n_data_sets=3, n_methods=3),
    "bootstrap, 400 patients": partial(bootstrap_study, n_patients=400),
}

#: study, figure, whether 4 % is asked for as well as at most 6 %
BARS = (
    ("DeLong, 200 patients", "patients", True),
    ("DeLong, 50 patients", "patients", True),
    ("bootstrap, 400 patients", "verdict", True),
    ("bootstrap, 150 patients", "verdict", True),
    ("two-way bootstrap, 3 models, 10 subsets", "any, Holm", False),
    ("ten splits, 3 learners", "any, Holm", False),
    ("5 data sets, 4 methods", "Friedman", False),
    ("5 data sets, 4 methods", "any pair, Nemenyi", False),
    ("12 data sets, 4 methods", "Friedman", False),
    ("12 data sets, 4 methods", "any pair, Nemenyi", False),
    ("12 data sets, 4 methods", "any against a control, Holm", False),
    ("12 data sets, 4 methods, one of them worse", "any pair, Nemenyi", False),
    ("12 data sets, 4 methods, one of them worse", "any against a control, Holm", False),
)


def error_rates(number: int, study: Study, n_simulations: int) -> dict[str, float]:
    """Share of simulated studies that err, each figure of the study by name."""
    rng = np.random.default_rng([SEED, number])
    errors = [study(rng) for _ in range(n_simulations)]
    return {figure: float(np.mean([one[figure] for one in errors])) for figure in errors[0]}


def run(_: Sample, *, n_simulations: int = N_SIMULATIONS) -> Outcome:
    """Simulate every kind of study and hold its errors to the bars."""
    measured = {name: error_rates(number, study, n_simulations) for number, (name, study) in enumerate(STUDIES.items())}
    bars = []
    for name, figure, both_sides in BARS:
        what, value = f"share of errors at 5 %, {name}: {figure}", measured[name][figure]
        bars += [at_least(what, value, 0.04)] * both_sides + [at_most(what, value, 0.06)]
    return {
        "data": "simulated scores, no recordings",
        "config": {
            "n_simulations": n_simulations,
            "n_replicates": N_REPLICATES,
            "alpha": ALPHA,
            "studies": {name: study.keywords for name, study in STUDIES.items()},
        },
        "measured": {"share_of_errors": measured},
        "bars": bars,
    }


if __name__ == "__main__":
    main("comparison_errors", __doc__, run)
