"""Datasets for tuning: checked before a job pays for them, converted from what people have, counted in tokens.

```python
report = gemtune.dataset.check("train.jsonl", base_model="gemini-3.5-flash", validation="validation.jsonl")
for problem in report.problems:
    print(problem.file, problem.line, problem.path, problem.code, problem.message)
```
"""

from gemtune.dataset.checking import check, check_range, check_rows, finish_report
from gemtune.dataset.conversion import ConversionError
from gemtune.dataset.converting import ConvertReport, convert, convert_row
from gemtune.dataset.partial import Partial

__all__ = [
    "ConversionError",
    "ConvertReport",
    "Partial",
    "check",
    "check_range",
    "check_rows",
    "convert",
    "convert_row",
    "finish_report",
]
