from bakeoff.experiments.pairing import read_scores
from bakeoff.metrics.rows import failed, scored


def rows_of(scores, metric="f1"):
    """Row records with ids r000, r001, ...; None is a failed row."""
    return [
        {"id": f"r{i:03}"} | (failed("no answer") if s is None else scored(s)).fields(metric)
        for i, s in enumerate(scores)
    ]


def scores_of_run(scores, contender, metric="f1"):
    return read_scores(rows_of(scores, metric), metric, contender)
