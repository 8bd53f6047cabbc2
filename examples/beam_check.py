"""Checks many shards of a dataset with Apache Beam, before a training set is chosen from them.

    pip install gemtune apache-beam
    python beam_check.py --base-model gemini-3.5-flash --out report.json shards/*.jsonl

Each shard is cut into ranges of bytes. A worker checks a range and returns a part of the report; parts merge in any
order and grouping, which is what a CombineFn needs. The report is the one that `gemtune dataset check` writes.

Other arguments are the pipeline's own, such as --runner=DataflowRunner.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

import gemtune
from gemtune import dataset


class MergeParts(beam.CombineFn):
    """Parts of a report -> the report, as JSON."""

    def __init__(self, base_model: str) -> None:
        self.base_model = base_model

    def create_accumulator(self) -> dataset.Partial:
        return dataset.Partial()

    def add_input(self, accumulator: dataset.Partial, element: dataset.Partial) -> dataset.Partial:
        return accumulator.merge(element)

    def merge_accumulators(self, accumulators: list[dataset.Partial]) -> dataset.Partial:
        return dataset.Partial().merge(*accumulators)

    def extract_output(self, accumulator: dataset.Partial) -> str:
        report = dataset.finish_report(accumulator, base_model=self.base_model)
        return gemtune.to_json(report, indent=2)


def ranges(path: str, size: int) -> list[tuple[str, int, int | None]]:
    """A file as ranges of at most `size` bytes; where they are cut does not matter."""
    whole = Path(path).stat().st_size
    starts = range(0, max(whole, 1), size)
    return [(path, start, start + size if start + size < whole else None) for start in starts]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Check shards of a dataset.")
    parser.add_argument("shards", nargs="+")
    parser.add_argument("--base-model", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--range-size", type=int, default=64_000_000)
    args, others = parser.parse_known_args(argv)

    pieces = [piece for shard in args.shards for piece in ranges(shard, args.range_size)]
    with beam.Pipeline(options=PipelineOptions(others)) as pipeline:
        (
            pipeline
            | beam.Create(pieces)
            | beam.Reshuffle()
            | beam.MapTuple(lambda path, start, end: dataset.check_range(path, start, end, base_model=args.base_model))
            | beam.CombineGlobally(MergeParts(args.base_model))
            | beam.io.WriteToText(args.out, shard_name_template="")
        )


if __name__ == "__main__":
    main()
