"""The model card: what a checkpoint's header says, told to people, under the metadata that the Hub reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jinja2

_TEMPLATE = """\
---
library_name: ssrl-ecg
license: {{ license_name | tojson }}
tags:
{%- for tag in tags %}
- {{ tag | tojson }}
{%- endfor %}
---

# {{ title }}

{% if classes -%}
Classifies 12-lead ECGs: {{ classes | join(", ") }} ({{ header.task }}, label set `{{ header.label_set }}`).
{%- else -%}
Turns 12-lead ECGs into feature vectors, for classifiers to be trained on.
{%- endif %}

Research use. This is not a medical device, and no decision about a patient may rest on it.

## Use

```python
import ssrl_ecg

checkpoint = ssrl_ecg.load("FOLDER or ORGANISATION/NAME")
```

## Input

| | |
|---|---|
| leads | {{ preprocessing.leads | join(", ") }} |
| sampling rate | {{ "%g" | format(preprocessing.sampling_rate_hz) }} Hz |
| window | {{ "%g" | format(preprocessing.window_s) }} s; longer records are averaged over windows |
| unit | {{ preprocessing.unit }} |
| filter | {{ filters or "none" }} |
| normalisation | {{ preprocessing.normalisation }} |

Leads, unit and rate of a recording are mapped to these, or it is refused.

## Network

`{{ header.encoder.name }}`{% if header.head %} with a `{{ header.head.name }}` head{% endif %}:
`{{ header.encoder.config | tojson }}`

## Training

{% for stage in stages -%}
- {{ stage }}
{% endfor %}
{%- if not stages -%}
The checkpoint does not say how it came about.
{%- endif %}

Settings, versions, commit and data fingerprint are in `config.json`, under `provenance`.
{% for heading, text in sections.items() %}
## {{ heading }}

{{ text }}
{% endfor %}
## Limits

The model knows the recorders, patients and labels it has seen, and nothing else. Records of the folds named above
must not be used to judge it. Performance on other populations, recorders and rates is to be measured before it is
believed.
"""


def model_card(header: Mapping[str, Any], *, license_name: str, sections: Mapping[str, str]) -> str:
    """Write the card of a checkpoint as Markdown with YAML in front.

    Args:
        header: of the checkpoint, as ``training.checkpoint.read_header`` reads it.
        license_name: the Hub's name of the licence of the weights.
        sections: further sections, heading -> Markdown.
    """
    preprocessing, provenance = header["preprocessing"], header["provenance"]
    methods = [name for name in map(_method, _chain(provenance)) if name]
    tags = ["ecg", "electrocardiogram", "time-series", header["encoder"]["name"], *dict.fromkeys(methods)]
    environment = jinja2.Environment(autoescape=False, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    environment.filters["tojson"] = json.dumps  # which is YAML, too
    return environment.from_string(_TEMPLATE).render(
        header={"head": None, **header},
        title=" ".join(["ECG", header["kind"], f"({', '.join([header['encoder']['name'], *methods])})"]),
        tags=tags,
        classes=header.get("classes"),
        preprocessing=preprocessing,
        filters=_filters(preprocessing),
        stages=[_stage(one) for one in _chain(provenance)],
        license_name=license_name,
        sections=sections,
    )


def _chain(provenance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every training behind the weights, the first one first."""
    chain: list[Mapping[str, Any]] = []
    step: Any = provenance
    while isinstance(step, Mapping) and "settings" in step:
        chain.insert(0, step)
        step = step.get("started_from")
    return chain


def _method(training: Mapping[str, Any]) -> str | None:
    """Self-supervised method of a training, None if it was supervised."""
    name = training["settings"].get("method")
    return str(name) if name is not None else None


def _stage(training: Mapping[str, Any]) -> str:
    """Say of one training what it was, and on which records."""
    data = training.get("data", {})
    folds = sorted({fold for seen in training.get("seen", []) for fold in seen.get("folds", [])})
    method = _method(training)
    return "; ".join(
        [
            f"pretrained with {method}" if method else "trained with labels",
            f"{data.get('n_records', '?')} records in {data.get('root_name', 'unknown data')}",
            f"seen so far: folds {', '.join(map(str, folds))}" if folds else "which folds were seen is not known",
        ]
    )


def _filters(preprocessing: Mapping[str, Any]) -> str:
    """Name the filters that are on."""
    words = {"highpass_hz": "high-pass {:g} Hz", "lowpass_hz": "low-pass {:g} Hz", "mains_hz": "mains notch {:g} Hz",
             "clip_mv": "clipped at {:g} mV"}  # fmt: skip
    return ", ".join(text.format(preprocessing[key]) for key, text in words.items() if preprocessing[key] is not None)
