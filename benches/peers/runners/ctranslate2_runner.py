"""CTranslate2: f32, and int8 with activations quantised on the fly. It removes padding by itself."""

from concurrent.futures import ThreadPoolExecutor

import ctranslate2
import numpy as np

from runners.batches import Batch
from runners.protocol import Peer, Split, Vectors, arguments, serve


class CTranslate2(Peer):
    version = ctranslate2.__version__

    def __init__(self, model: str, precision: str) -> None:
        self._model = model
        self._type = {"f32": "float32", "int8": "int8"}[precision]
        self._encoders: dict[Split, ctranslate2.Encoder] = {}

    def describe(self) -> str:
        supported = ", ".join(sorted(ctranslate2.get_supported_compute_types("cpu")))
        return f"{self._type}; this CPU has {supported}"

    def run(self, split: Split, batches: list[Batch]) -> list[Vectors]:
        encoder = self._encoder(split)

        def vectors(batch: Batch) -> Vectors:
            ids = ctranslate2.StorageView.from_array(batch.input_ids.astype(np.int32))
            output = encoder.forward_batch(ids, ctranslate2.StorageView.from_array(batch.lengths))
            return _pool(np.array(output.last_hidden_state), batch)

        if split.streams == 1:
            return [vectors(batch) for batch in batches]
        with ThreadPoolExecutor(split.streams) as callers:
            return list(callers.map(vectors, batches))

    def _encoder(self, split: Split) -> ctranslate2.Encoder:
        if split not in self._encoders:
            self._encoders[split] = ctranslate2.Encoder(
                self._model, compute_type=self._type, inter_threads=split.streams, intra_threads=split.threads
            )
        return self._encoders[split]


def _pool(tokens: Vectors, batch: Batch) -> Vectors:
    """Mean over a sequence's tokens: CTranslate2 pools nothing by itself."""
    weights = batch.attention_mask.astype(np.float32) / batch.lengths[:, np.newaxis]
    return np.matmul(weights[:, np.newaxis, :], tokens)[:, 0, :]


def main() -> None:
    options = arguments(__doc__, "f32", "int8")
    serve(CTranslate2(str(options.model), options.precision), options.sequences, options.threads)


if __name__ == "__main__":
    main()
