"""Figures for the card: macro-F1 with bootstrap intervals, AUC, AP, ECE, weighted kappa."""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score


def confusion(truth, predicted, classes):
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def macro_f1(table):
    """Mean F1 over the classes that occur in truth or prediction, from a confusion table [truth, predicted]."""
    hits, total = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    present = total > 0
    return float(np.mean(2 * hits[present] / total[present]))


def quadratic_kappa(table):
    """Cohen's kappa with quadratic weights (Cohen 1968)."""
    k, n = len(table), table.sum()
    cost = np.square(np.arange(k)[:, None] - np.arange(k)[None, :])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    return float(1 - (cost * table).sum() / max((cost * expected).sum(), 1e-12))


def interval(truth, predicted, classes, figure, seed, repeats=1000):
    """95 % percentile bootstrap over texts of `figure(confusion table)`."""
    codes = truth * classes + predicted
    draws = np.random.default_rng(seed)
    values = []
    for _ in range(repeats):
        picked = codes[draws.integers(0, len(codes), len(codes))]
        values.append(figure(np.bincount(picked, minlength=classes * classes).reshape(classes, classes)))
    return [round(float(v), 3) for v in np.quantile(values, [0.025, 0.975])]


def calibration_error(confidence, correct, bins=15):
    """Expected calibration error over equal-width bins (Guo et al. 2017)."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[index == b].sum() - correct[index == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(confidence))


def complaint_figures(truth, probability, threshold, seed):
    predicted = (probability >= threshold).astype(int)
    figures = {"n": len(truth), "positives": int(truth.sum())}
    table = confusion(truth, predicted, 2)
    if 0 < truth.sum() < len(truth):
        figures["macro_f1"] = macro_f1(table)
        figures["interval"] = interval(truth, predicted, 2, macro_f1, seed)
        figures["auc"] = float(roc_auc_score(truth, probability))
        figures["ap"] = float(average_precision_score(truth, probability))
    figures["recall"] = float(table[1, 1] / max(table[1].sum(), 1))
    figures["false_positive_rate"] = float(table[0, 1] / max(table[0].sum(), 1))
    figures["ece"] = calibration_error(probability, truth)
    return figures


def sentiment_figures(truth, probabilities, seed):
    """A set without a neutral class is scored by the likelier of negative and positive."""
    two_class = not (truth == 1).any()
    if two_class:
        probabilities = probabilities[:, [0, 2]] / probabilities[:, [0, 2]].sum(axis=1, keepdims=True)
        truth = truth // 2
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    return {
        "n": len(truth),
        "classes": classes,
        "macro_f1": macro_f1(confusion(truth, predicted, classes)),
        "interval": interval(truth, predicted, classes, macro_f1, seed),
        "ece": calibration_error(probabilities.max(axis=1), predicted == truth),
    }


def urgency_figures(truth, level, seed):
    table = confusion(truth, level, 5)
    pressing = table[3:, 3:].sum()
    return {
        "n": len(truth),
        "kappa": quadratic_kappa(table),
        "interval": interval(truth, level, 5, quadratic_kappa, seed),
        "macro_f1": macro_f1(table),
        "pressing": int(table[3:].sum()),
        "pressing_recall": float(pressing / max(table[3:].sum(), 1)),
        "pressing_precision": float(pressing / max(table[:, 3:].sum(), 1)),
    }
