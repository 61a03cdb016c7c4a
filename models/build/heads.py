"""Three linear heads on pooled vectors: how they are fitted, and how the engine reads them.

Fitting standardises the vectors, adds an L2 penalty on the weights (never on the biases) and folds the standardisation
into weight and bias, so that a head is `x @ weight.T + bias` on the raw pooled vector.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

TINY = 1e-12


@dataclass
class Head:
    weight: np.ndarray  # [rows, hidden]
    bias: np.ndarray  # [outputs]; an ordinal head has one weight row and one bias a cut

    def logits(self, x):
        return x @ self.weight.T + self.bias


def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


def softmax(z):
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def _minimise(loss_and_gradient, start):
    found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": 600, "maxcor": 20})
    return found.x


def _standardised(x, sample_weight):
    share = sample_weight / sample_weight.sum()
    mean = share @ x
    deviation = np.sqrt(share @ (x - mean) ** 2)
    return (x - mean) / deviation, mean, deviation


def _folded(weight, bias, mean, deviation):
    weight = weight / deviation
    return Head(weight.astype(np.float32), (bias - weight @ mean).astype(np.float32))


# ------------------------------------------------------------------------------------------------------------- fitting


def fit_multinomial(x, y, sample_weight, l2, allowed):
    """Softmax regression. `allowed` [rows, classes] names the classes that a row's annotators could choose from: a set
    without a neutral class teaches negative against positive and nothing about neutral."""
    x, mean, deviation = _standardised(x.astype(np.float64), sample_weight)
    share = sample_weight / sample_weight.sum()
    classes, hidden = allowed.shape[1], x.shape[1]
    target = np.eye(classes)[y]

    def loss(parameters):
        weight, bias = parameters[: classes * hidden].reshape(classes, hidden), parameters[classes * hidden :]
        p = softmax(np.where(allowed, x @ weight.T + bias, -1e9))
        value = -share @ np.log(p[np.arange(len(y)), y] + TINY) + 0.5 * l2 * np.square(weight).sum()
        error = (p - target) * share[:, None]
        return value, np.concatenate([(error.T @ x + l2 * weight).ravel(), error.sum(axis=0)])

    found = _minimise(loss, np.zeros(classes * (hidden + 1)))
    return _folded(found[: classes * hidden].reshape(classes, hidden), found[classes * hidden :], mean, deviation)


def fit_binary(x, y, sample_weight, l2):
    """Logistic regression: p = sigmoid(logit)."""
    x, mean, deviation = _standardised(x.astype(np.float64), sample_weight)
    share = sample_weight / sample_weight.sum()
    sign = 2.0 * y - 1

    def loss(parameters):
        weight, bias = parameters[:-1], parameters[-1]
        margin = sign * (x @ weight + bias)
        value = share @ np.logaddexp(0, -margin) + 0.5 * l2 * np.square(weight).sum()
        error = -share * sign * sigmoid(-margin)
        return value, np.append(error @ x + l2 * weight, error.sum())

    found = _minimise(loss, np.zeros(x.shape[1] + 1))
    return _folded(found[None, :-1], found[-1:], mean, deviation)


def level_probabilities(cumulative):
    """P(level > k) [rows, cuts] -> P(level = k) [rows, cuts + 1]."""
    ones = np.ones((len(cumulative), 1))
    return np.hstack([ones, cumulative]) - np.hstack([cumulative, 0 * ones])


def fit_ordinal(x, level, sample_weight, l2, cuts=4):
    """Proportional odds: P(level > k) = sigmoid(w.x + b_k) with b strictly decreasing (McCullagh 1980)."""
    x, mean, deviation = _standardised(x.astype(np.float64), sample_weight)
    share = sample_weight / sample_weight.sum()
    rows, hidden = np.arange(len(x)), x.shape[1]

    def biases(free):
        return free[0] - np.concatenate([[0.0], np.cumsum(np.exp(free[1:]))])

    def loss(parameters):
        weight, free = parameters[:hidden], parameters[hidden:]
        cumulative = sigmoid((x @ weight)[:, None] + biases(free))
        p = level_probabilities(cumulative)[rows, level] + TINY
        value = -share @ np.log(p) + 0.5 * l2 * np.square(weight).sum()
        # p = c[level - 1] - c[level]: two cumulative terms move it, each with slope c (1 - c)
        slope = np.pad(cumulative * (1 - cumulative), ((0, 0), (1, 1)))
        outer = np.zeros((len(x), cuts + 2))
        outer[rows, level] = -slope[rows, level] * share / p
        outer[rows, level + 1] = slope[rows, level + 1] * share / p
        by_cut = outer[:, 1:-1]
        by_bias = by_cut.sum(axis=0)
        tail = by_bias[::-1].cumsum()[::-1]
        return value, np.concatenate([by_cut.sum(axis=1) @ x + l2 * weight, tail[:1], -tail[1:] * np.exp(free[1:])])

    found = _minimise(loss, np.concatenate([np.zeros(hidden), [1.0], np.zeros(cuts - 1)]))
    return _folded(found[None, :hidden], biases(found[hidden:]), mean, deviation)


# --------------------------------------------------------------------------------------------------------- calibration


def fit_platt(logits, y, sample_weight):
    """(scale, offset) of p = sigmoid(scale * logit + offset)."""
    share = sample_weight / sample_weight.sum()
    sign = 2.0 * y - 1

    def loss(parameters):
        margin = sign * (parameters[0] * logits + parameters[1])
        error = -share * sign * sigmoid(-margin)
        return share @ np.logaddexp(0, -margin), np.array([error @ logits, error.sum()])

    return tuple(float(v) for v in _minimise(loss, np.array([1.0, 0.0])))


def fit_temperature(logits, y, sample_weight):
    """temperature of p = softmax(logits / temperature)."""
    share = sample_weight / sample_weight.sum()
    candidates = np.exp(np.linspace(np.log(0.3), np.log(3.0), 400))
    losses = [-share @ np.log(softmax(logits / t)[np.arange(len(y)), y] + TINY) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def fit_cumulative_platt(logits, level, sample_weight):
    """(scale, offset) applied to each cumulative logit of an ordinal head."""
    share = sample_weight / sample_weight.sum()

    def loss(parameters):
        p = level_probabilities(sigmoid(parameters[0] * logits + parameters[1]))
        return -share @ np.log(np.maximum(p[np.arange(len(level)), level], TINY))

    found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9})
    return tuple(float(v) for v in found.x)


# ---------------------------------------------------------------------------------------------------- as the engine reads


def binary_probability(head, calibration, x):
    return sigmoid(calibration["scale"] * head.logits(x)[:, 0] + calibration["offset"])


def multinomial_probabilities(head, calibration, x):
    return softmax(head.logits(x) / calibration["temperature"])


def ordinal_score(head, calibration, x):
    """E[level] / 4 = mean of the four P(level > k)."""
    return sigmoid(calibration["scale"] * head.logits(x) + calibration["offset"]).mean(axis=1)


def levels(score, thresholds):
    """The number of thresholds that the score reaches."""
    return (score[:, None] >= np.asarray(thresholds)[None, :]).sum(axis=1)
