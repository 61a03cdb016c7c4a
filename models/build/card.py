"""Fills the tables of CARD.md from the figures of a run."""


def render(template, report, model, trained_on, facts):
    parts = {
        "trained_on": _table(["source", "rows"], [[entry["source"], entry["rows"]] for entry in trained_on]),
        "complaint": _complaint(report),
        "sentiment": _sentiment(report),
        "urgency": _urgency(report),
        "long_dev": _long_posts(report["long_dev"]),
        "long_test": _long_posts(report["long_test"]),
        "sentences": _sentences(report["sentences"]),
        **facts,
        "calibration": _calibration(model),
    }
    for name, text in parts.items():
        template = template.replace("{{" + name + "}}", text)
    return template


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _pairs(report, head):
    """(source, language, dev figures or None, test figures or None), sources in the order of dev, then test."""
    dev, test = report["dev"][head], report["test"][head]
    for source in dict.fromkeys([*dev, *test]):
        languages = dict.fromkeys([*dev.get(source, {}), *test.get(source, {})])
        for lang in languages:
            yield source, lang, dev.get(source, {}).get(lang), test.get(source, {}).get(lang)


def _number(figures, key):
    return "" if figures is None or key not in figures else f"{figures[key]:.3f}"


def _with_interval(figures, key):
    if figures is None or key not in figures:
        return ""
    low, high = figures["interval"]
    return f"{figures[key]:.3f} [{low:.2f}, {high:.2f}]"


def _count(figures):
    return "" if figures is None else figures["n"]


def _complaint(report):
    head = [
        "source",
        "lang",
        "dev n",
        "dev F1",
        "dev AUC",
        "dev FPR",
        "test n",
        "test F1",
        "test AUC",
        "test AP",
        "test ECE",
    ]
    rows = [
        [source, lang, _count(dev), _with_interval(dev, "macro_f1"), _number(dev, "auc"),
         _number(dev, "false_positive_rate"), _count(test), _with_interval(test, "macro_f1"),
         _number(test, "auc"), _number(test, "ap"), _number(test, "ece")]
        for source, lang, dev, test in _pairs(report, "complaint")
    ]  # fmt: skip
    return _table(head, rows)


def _sentiment(report):
    head = ["source", "lang", "classes", "dev n", "dev F1", "test n", "test F1", "test ECE"]
    rows = [
        [source, lang, (test or dev)["classes"], _count(dev), _with_interval(dev, "macro_f1"),
         _count(test), _with_interval(test, "macro_f1"), _number(test, "ece")]
        for source, lang, dev, test in _pairs(report, "sentiment")
    ]  # fmt: skip
    return _table(head, rows)


def _urgency(report):
    head = ["source", "lang", "dev n", "dev kappa", "test n", "test kappa", "high or critical", "recall", "precision"]
    rows = [
        [source, lang, _count(dev), _with_interval(dev, "kappa"), _count(test), _with_interval(test, "kappa"),
         "" if test is None else test["pressing"], _number(test, "pressing_recall"), _number(test, "pressing_precision")]
        for source, lang, dev, test in _pairs(report, "urgency")
    ]  # fmt: skip
    return _table(head, rows)


def _long_posts(table):
    head = ["words", "window", "overlap", "essay: recall", "essay: false alarms", "thread: recall", "thread: false alarms"]
    rows = [
        [
            words,
            tokens,
            overlap,
            *[f"{rates[m][key]:.2f}" for m in ("essay", "thread") for key in ("recall", "false_alarms")],
        ]
        for words, tokens, overlap, rates in table
    ]
    return _table(head, rows)


def _sentences(checks):
    languages = list(next(iter(checks.values())))
    rows = [[kind, *[f"{by[lang][0]}/{by[lang][1]}" for lang in languages]] for kind, by in checks.items()]
    return _table(["kind", *languages], rows)


def _calibration(model):
    rows = [
        [name, ", ".join(f"{k} {v}" for k, v in model.calibration[name].items()), model.thresholds[name] or "arg max"]
        for name in model.heads
    ]
    return _table(["head", "calibration", "thresholds"], rows)
