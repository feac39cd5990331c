"""Two-alternative choices: how many people choose as a metric does, and how many could at best."""

import numpy as np

from ._columns import Column, check_columns, check_shares


def agreement(d0: Column, d1: Column, judge: Column) -> np.ndarray:
    r"""Share of people who chose what the metric would have chosen, for each trial.

    $$a = [d_0 < d_1] (1 - h) + [d_1 < d_0] h + \tfrac{1}{2} [d_0 = d_1]$$

    Where the distances are equal the metric guesses.

    Args:
        d0: Distance of the first image to the reference, `[n]`; lower is nearer, and infinite is farthest.
        d1: Of the second one.
        judge: h, the share of people who found the second one nearer, `[n]`, in [0, 1].

    Returns:
        `[n]`, float64, in [0, 1]; higher is better.

    Example:
        >>> from jaxloss.judgments import agreement
        >>> print(agreement([0.1, 0.4, 0.3], [0.2, 0.3, 0.3], [0.25, 0.75, 1.0]))
        [0.75 0.75 0.5 ]

    Reference:
        Zhang et al., CVPR 2018, https://arxiv.org/abs/1801.03924; the authors' code gives the same numbers.
    """
    first, second, share = check_columns("agreement", infinite=True, d0=d0, d1=d1, judge=judge)
    check_shares("agreement", "judge", share)
    return np.where(first < second, 1 - share, np.where(second < first, share, 0.5))


def two_afc_score(d0: Column, d1: Column, judge: Column) -> float:
    """Score of a metric in two-alternative forced choices: the mean of `agreement`.

    Args:
        d0: Distance of the first image to the reference, `[n]`; lower is nearer.
        d1: Of the second one.
        judge: Share of people who found the second one nearer, `[n]`, in [0, 1].

    Returns:
        In [0, 1]; higher is better, 0.5 for a metric that guesses, at most `best_two_afc_score(judge)`.

    Example:
        >>> from jaxloss.judgments import two_afc_score
        >>> print(two_afc_score([0.1, 0.4, 0.3], [0.2, 0.3, 0.3], [0.2, 0.8, 1.0]))
        0.7

    Reference:
        Zhang et al., CVPR 2018, https://arxiv.org/abs/1801.03924.
    """
    return float(agreement(d0, d1, judge).mean())


def human_ceiling(judge: Column) -> float:
    """Score of a person in two-alternative choices: the chance that another one chooses the same.

    It is the mean of `h² + (1 - h)²`.

    Args:
        judge: h, the share of people who found the second image nearer, `[n]`, in [0, 1].

    Returns:
        In [0.5, 1]; higher where people agree more.

    Example:
        >>> from jaxloss.judgments import human_ceiling
        >>> print(round(human_ceiling([0.2, 0.5, 1.0]), 3))
        0.727

    Reference:
        Zhang et al., CVPR 2018, appendix A, https://arxiv.org/abs/1801.03924.
    """
    share = _shares("human_ceiling", judge)
    return float((share**2 + (1 - share) ** 2).mean())


def best_two_afc_score(judge: Column) -> float:
    """Score that no metric can exceed: that of choosing with the majority, the mean of `max(h, 1 - h)`.

    Args:
        judge: h, the share of people who found the second image nearer, `[n]`, in [0, 1].

    Returns:
        In [0.5, 1], and at least `human_ceiling(judge)`.

    Example:
        >>> from jaxloss.judgments import best_two_afc_score
        >>> print(round(best_two_afc_score([0.2, 0.5, 1.0]), 3))
        0.767

    Reference:
        Zhang et al., CVPR 2018, appendix A, https://arxiv.org/abs/1801.03924.
    """
    share = _shares("best_two_afc_score", judge)
    return float(np.maximum(share, 1 - share).mean())


def _shares(name: str, judge: Column) -> np.ndarray:
    (share,) = check_columns(name, judge=judge)
    check_shares(name, "judge", share)
    return share
