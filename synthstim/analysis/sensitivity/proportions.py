"""Proportion correct of an unbiased participant of a given d', for each task and strategy.

Observations are normal with variance 1, and the two kinds of stimulus d' apart. A strategy is *independent* if both kinds are known,
so that each observation is classed for itself and the likeliest answer given; it is *differencing* if only differences between
observations count, as where stimuli vary from trial to trial. Both are Macmillan & Creelman's (Detection Theory, 2nd edition, 2005,
chapters 5 to 10). ``answers`` is the number of alternatives.
"""

from __future__ import annotations

import numpy as np

from synthstim.analysis.sensitivity.quadrature import REACH, Values, below, over_noise

_ROOT2, _ROOT3, _ROOT6 = np.sqrt((2.0, 3.0, 6.0))


def yes_no(d: Values, answers: int = 2) -> Values:
    """One observation, and a criterion half-way."""
    return below(d / 2)


def two_alternatives(d: Values, answers: int = 2) -> Values:
    """The larger of two observations."""
    return below(d / _ROOT2)


def alternatives(d: Values, answers: int) -> Values:
    """The largest of so many observations, one of which is d' higher (Hacker & Ratcliff 1979, doi:10.3758/BF03206117)."""
    return over_noise(lambda x: below(x + d[..., None]) ** (answers - 1))


def abx_independent(d: Values, answers: int = 2) -> Values:
    """A and B are told apart, and X is classed (Macmillan, Kaplan & Creelman 1977, doi:10.1037/0033-295X.84.5.452)."""
    return _both_or_neither(below(d / _ROOT2), below(d / 2))


def match_differencing(d: Values, answers: int = 2) -> Values:
    """The alternative nearest to the sample; with two of them that is ABX.

    Alternatives that do not match are d' away from the sample, on one side, each with noise of its own.
    """
    if answers == 2:
        return _both_or_neither(below(d / _ROOT2), below(d / _ROOT6))
    shift = d[..., None, None]

    # Sample and match are (u + v) / sqrt 2 and (u - v) / sqrt 2 of independent noise: they lie sqrt 2 |v| apart.
    def given_sum(u: Values) -> Values:
        def none_nearer(v: Values) -> Values:
            sample, apart = (u[:, None] + v) / _ROOT2, _ROOT2 * np.abs(v)
            return np.asarray((1 - below(sample + apart - shift) + below(sample - apart - shift)) ** (answers - 1))

        return over_noise(none_nearer, -REACH, 0) + over_noise(none_nearer, 0, REACH)

    return over_noise(given_sum)


def match_independent(d: Values, answers: int = 2) -> Values:
    """The likeliest of two or three alternatives, the kinds of stimulus being known.

    With y measured from half-way between the kinds, the likelihood of alternative i grows with |y_sample + 2 y_i - (y_1 + ... + y_n)|.
    Of three, that is greatest for the highest one if the sample lies above the middle one, and else for the lowest.
    """
    if answers == 2:
        return abx_independent(d)
    shift = d[..., None]
    # e is the noise of the middle one: the higher of the two others below a match that is highest, or the lower above one that is lowest.
    highest = over_noise(lambda e: 2 * below(e) * below(shift - e) ** 2)
    lowest = over_noise(lambda e: 2 * below(-e) * below(e - shift) ** 2)
    return np.asarray(highest + lowest)


def oddity_independent(d: Values, answers: int = 3) -> Values:
    """The likeliest odd one of three, the kinds being known but not which is odd (Versfeld, Dai & Green 1996, doi:10.3758/BF03205470).

    The likelihood of i being odd grows with |2 y_i - (y_1 + y_2 + y_3)|: it is the highest one if the middle one lies below half-way
    between the kinds, and else the lowest.
    """
    half = d[..., None] / 2
    highest = over_noise(lambda e: 2 * below(e) * below(2 * half - e), high=half)
    lowest = over_noise(lambda e: 2 * below(-e) * below(e - 2 * half), low=half)
    return np.asarray(highest + lowest)


def oddity_differencing(d: Values, answers: int = 3) -> Values:
    """The one that is not of the two most alike, the triangular method (Frijters 1979, doi:10.1111/j.2044-8317.1979.tb00595.x)."""
    shift = d[..., None] * np.sqrt(2 / 3)
    return over_noise(lambda u: 2 * (below(shift - u * _ROOT3) + below(-shift - u * _ROOT3)), low=0.0)


def same_different_independent(d: Values, answers: int = 2) -> Values:
    """Each of the two is classed; they are the same if their classes are."""
    return below(d / 2) ** 2 + below(-d / 2) ** 2


def same_different_differencing(d: Values, answers: int = 2) -> Values:
    """The two differ if they are further apart than a criterion, here the best one."""
    apart = best_criterion(d)
    return np.asarray((called_different(d, apart) + 1 - called_different(np.zeros_like(d), apart)) / 2)


def called_different(d: Values, criterion: Values) -> Values:
    """How often two observations d' apart differ by more than a criterion."""
    return np.asarray(below((d - criterion) / _ROOT2) + below((-d - criterion) / _ROOT2))


def best_criterion(d: Values) -> Values:
    """The difference that is as likely of two of one kind as of two of different kinds; at no d' its limit, sqrt 2."""
    small = np.maximum(np.abs(d), 1e-3)
    # arccosh(exp(x)), without the overflow of exp(x).
    x = small**2 / 4
    return np.asarray(2 / small * (x + np.log1p(np.sqrt(-np.expm1(-2 * x)))))


def _both_or_neither(first: Values, second: Values) -> Values:
    return np.asarray(first * second + (1 - first) * (1 - second))
