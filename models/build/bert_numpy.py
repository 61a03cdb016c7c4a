"""The encoder in numpy: int8 weights per row, BERT's forward pass in f32, mean-pooled windows.

This is the arithmetic that the shipped weights are judged by: every embedding of the recipe comes from the int8 weights
that end in model.safetensors, dequantised to f32.
"""

import hashlib
import json
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

BOS, EOS = 0, 2
TOKENS_PER_BATCH = 768
GELU_ROWS = 64


# ---------------------------------------------------------------------------------------------------------- weights


def quantise_rows(matrix):
    """[rows, cols] f32 -> (int8 [rows, cols], f32 scale [rows]) with matrix ~ int8 * scale.

    Each row tries 32 clipping points between 60 % and 100 % of its largest absolute value and keeps the one with the
    least squared error.
    """
    largest = np.maximum(np.abs(matrix).max(axis=1), 1e-12)
    best_error = np.full(len(matrix), np.inf)
    best_scale = largest / 127
    for clip in np.linspace(1.0, 0.6, 32):
        scale = largest * clip / 127
        rounded = np.clip(np.rint(matrix / scale[:, None]), -127, 127)
        error = ((rounded * scale[:, None] - matrix) ** 2).sum(axis=1)
        better = error < best_error
        best_error[better], best_scale[better] = error[better], scale[better]
    best_scale = best_scale.astype(np.float32)
    codes = np.clip(np.rint(matrix / best_scale[:, None]), -127, 127).astype(np.int8)
    return codes, best_scale


def quantised_checkpoint(base_dir, layers):
    """The lowest `layers` of the base checkpoint as the model folder holds them: 2-D int8 with `NAME.scale`, 1-D f32."""
    tensors = {}
    for name, value in sorted(load_file(Path(base_dir) / "model.safetensors").items()):
        if name.startswith("encoder.layer.") and int(name.split(".")[2]) >= layers:
            continue
        value = value.astype(np.float32)
        if value.ndim == 2:
            tensors[name], tensors[f"{name}.scale"] = quantise_rows(value)
        else:
            tensors[name] = value
    return tensors


def dequantise(tensors):
    """Name -> f32 array, with the int8 matrices multiplied out."""
    return {
        name: value * tensors[f"{name}.scale"][:, None] if value.dtype == np.int8 else value
        for name, value in tensors.items()
        if not name.endswith(".scale")
    }


# ---------------------------------------------------------------------------------------------------------- encoder


def layer_norm(x, weight, bias, eps):
    """Normalise the last axis of x in place."""
    x -= x.mean(axis=-1, keepdims=True)
    x /= np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + np.float32(eps))
    x *= weight
    x += bias
    return x


def gelu(x):
    """x * Phi(x) in place for x [rows, cols]; erf by Abramowitz & Stegun 7.1.26 (absolute error below 1.5e-7)."""
    for start in range(0, len(x), GELU_ROWS):
        part = x[start : start + GELU_ROWS]
        z = np.abs(part)
        z *= np.float32(0.7071067811865476)
        t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * z)
        np.square(z, out=z)
        np.negative(z, out=z)
        np.exp(z, out=z)
        poly = np.float32(1.061405429) * t
        for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            poly += np.float32(coefficient)
            poly *= t
        poly *= z  # 1 - erf(|x| / sqrt 2)
        # Phi(x) = 1 - poly / 2 for x >= 0 and poly / 2 below
        poly *= np.float32(0.5)
        np.subtract(np.float32(1), poly, out=poly, where=part >= 0)
        part *= poly
    return x


class Encoder:
    """BERT with absolute positions; called with windows of one length, so that no mask is needed."""

    def __init__(self, weights, config):
        self.w = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in weights.items()}
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.eps = config["layer_norm_eps"]

    def linear(self, x, name):
        y = x @ self.w[f"{name}.weight"].T
        y += self.w[f"{name}.bias"]
        return y

    def norm(self, x, name):
        return layer_norm(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"], self.eps)

    def pooled(self, ids):
        """ids [batch, length] -> mean of the last hidden states [batch, hidden]."""
        batch, length = ids.shape
        embeddings = "embeddings."
        x = self.w[embeddings + "word_embeddings.weight"][ids]
        x = x + self.w[embeddings + "position_embeddings.weight"][:length]
        x += self.w[embeddings + "token_type_embeddings.weight"][0]
        x = self.norm(x.reshape(batch * length, -1), embeddings + "LayerNorm")
        for layer in range(self.layers):
            x = self.layer(x, batch, length, f"encoder.layer.{layer}.")
        return x.reshape(batch, length, -1).mean(axis=1)

    def layer(self, x, batch, length, prefix):
        def split(name):
            y = self.linear(x, prefix + "attention.self." + name)
            return y.reshape(batch, length, self.heads, -1).transpose(0, 2, 1, 3)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 1, 3, 2)
        scores *= np.float32(1 / np.sqrt(query.shape[-1]))
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        context = (scores @ value).transpose(0, 2, 1, 3).reshape(batch * length, -1)

        attended = self.linear(context, prefix + "attention.output.dense")
        attended += x
        attended = self.norm(attended, prefix + "attention.output.LayerNorm")
        out = self.linear(gelu(self.linear(attended, prefix + "intermediate.dense")), prefix + "output.dense")
        out += attended
        return self.norm(out, prefix + "output.LayerNorm")


# ---------------------------------------------------------------------------------------------------- text to windows


def load_tokenizer(folder):
    """The folder's tokenizer; text that spells a special token stays text."""
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def window_starts(n, content, overlap):
    """First content token of each window of a text of n content tokens; windows hold `content` tokens."""
    if n <= content:
        return [0]
    count = -(-(n - overlap) // (content - overlap))
    return [i * (n - content) // (count - 1) for i in range(count)]


def windows_of(ids, tokens, overlap):
    """Content ids -> windows of at most `tokens` ids, `<s>` and `</s>` included."""
    content = tokens - 2
    return [(BOS, *ids[s : s + content], EOS) for s in window_starts(len(ids), content, overlap)]


# ----------------------------------------------------------------------------------------------------------- embedding

_encoder = None


def _start(weights, config):
    global _encoder
    _encoder = Encoder(weights, config)


def _pooled(ids):
    return _encoder.pooled(ids)


def _key(window):
    return hashlib.blake2b(np.asarray(window, np.int32).tobytes(), digest_size=8).hexdigest()


class Embedder:
    """Windows -> pooled vectors, in worker processes of one BLAS thread each, remembered in a cache folder."""

    def __init__(self, tensors, config, cache_dir, workers):
        self.weights = dequantise(tensors)
        self.config = config
        self.workers = workers
        digest = hashlib.sha256()
        for name in sorted(tensors):
            digest.update(name.encode() + tensors[name].tobytes())
        self.cache_dir = Path(cache_dir) / digest.hexdigest()[:12]
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        self.known = {}
        for part in sorted(self.cache_dir.glob("*.npz")):
            with np.load(part) as stored:
                self.known.update(zip(stored["keys"].tolist(), stored["vectors"]))

    def embed(self, windows):
        """List of id tuples -> f32 [len(windows), hidden]."""
        keys = [_key(window) for window in windows]
        missing = {key: window for key, window in zip(keys, windows) if key not in self.known}
        if missing:
            self._compute(sorted(missing.items(), key=lambda item: (len(item[1]), item[0])))
        return np.stack([self.known[key] for key in keys])

    def _compute(self, items):
        batches, length = [], 0
        for key, window in items:
            if len(window) != length or len(batches[-1][0]) * length >= TOKENS_PER_BATCH:
                batches.append(([], []))
                length = len(window)
            batches[-1][0].append(key)
            batches[-1][1].append(window)
        total = sum(len(window) for _, window in items)
        print(f"  embedding {len(items)} windows, {total} tokens", flush=True)
        pending_keys, pending = [], []
        with get_context("fork").Pool(self.workers, _start, (self.weights, self.config)) as pool:
            results = pool.imap(_pooled, [np.asarray(ids, np.int64) for _, ids in batches])
            for (batch_keys, _), vectors in zip(batches, results):
                pending_keys += batch_keys
                pending.append(vectors)
                if len(pending_keys) >= 4096:
                    self._store(pending_keys, np.concatenate(pending))
                    pending_keys, pending = [], []
        if pending_keys:
            self._store(pending_keys, np.concatenate(pending))

    def _store(self, keys, vectors):
        self.known.update(zip(keys, vectors))
        count = len(list(self.cache_dir.glob("*.npz")))
        np.savez(self.cache_dir / f"{count:05}.npz", keys=np.array(keys), vectors=vectors)


def load_config(folder):
    return json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
