"""Does a complaint in the last paragraph of a long post get found, and at what price in false alarms?

Posts are built, not collected: neutral material up to a length in words, then (or not) one complaint paragraph at the end.
Two kinds of neutral material: `essay` repeats hand-written paragraphs (checks/neutral_paragraphs.json), `thread` strings
together real posts that are no complaints and not negative.
"""

import random
from dataclasses import dataclass

from data import CUSTOMER, LANGUAGES


@dataclass(frozen=True)
class Post:
    text: str
    lang: str
    material: str
    complaint: bool


def neutral_posts(rows):
    """{lang: [text]} of real posts that neither complain nor sound negative."""
    return _by_language(row for row in rows if row.source == "real_posts" and row.complaint == 0 and row.own_sentiment)


def complaint_paragraphs(rows, shortest, longest):
    """{lang: [text]} of customer complaints with so many words."""
    fits = range(shortest, longest + 1)
    return _by_language(
        row for row in rows if row.source in CUSTOMER and row.complaint == 1 and len(row.text.split()) in fits
    )


def _by_language(rows):
    texts = {lang: [] for lang in LANGUAGES}
    for row in rows:
        texts[row.lang].append(row.text)
    return texts


def build(material, complaints, pairs_by_length, seed):
    """Pairs of posts, without and with a complaint paragraph at the end, for each material, language and length.

    material: {name: {lang: [text]}}; complaints: {lang: [text]}; pairs_by_length: {words: pairs}.
    """
    draw = random.Random(seed)
    posts = []
    for name, by_language in material.items():
        for lang, pool in by_language.items():
            for words, pairs in pairs_by_length.items():
                for _ in range(pairs):
                    body = _body(pool, words, draw)
                    ending = draw.choice(complaints[lang])
                    posts.append(Post(body, lang, name, False))
                    posts.append(Post(f"{body} {ending}", lang, name, True))
    return posts


def _body(pool, words, draw):
    parts, count = [], 0
    while count < words:
        for part in draw.sample(pool, len(pool)):
            parts.append(part)
            count += len(part.split())
            if count >= words:
                break
    return " ".join(parts)


def rates(posts, probability, threshold):
    """{material: {recall, false_alarms}} over all languages."""
    result = {}
    for name in dict.fromkeys(post.material for post in posts):
        fired = {True: [], False: []}
        for post, p in zip(posts, probability):
            if post.material == name:
                fired[post.complaint].append(p >= threshold)
        result[name] = {
            "recall": sum(fired[True]) / len(fired[True]),
            "false_alarms": sum(fired[False]) / len(fired[False]),
        }
    return result
