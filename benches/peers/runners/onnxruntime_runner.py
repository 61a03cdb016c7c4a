"""ONNX Runtime: f32, and int8 with dynamic quantisation; both with its BERT fusions."""

from concurrent.futures import ThreadPoolExecutor

import onnxruntime as ort

from runners.batches import Batch
from runners.protocol import Peer, Split, Vectors, arguments, serve


class OnnxRuntime(Peer):
    version = ort.__version__

    def __init__(self, model: str, precision: str) -> None:
        self._model = model
        self._precision = precision
        self._sessions: dict[int, ort.InferenceSession] = {}

    def describe(self) -> str:
        return f"{self._precision}, CPUExecutionProvider"

    def run(self, split: Split, batches: list[Batch]) -> list[Vectors]:
        session = self._session(split.threads)

        def vectors(batch: Batch) -> Vectors:
            return session.run(
                ["vectors"], {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
            )[0]

        if split.streams == 1:
            return [vectors(batch) for batch in batches]
        # With one thread inside, a session computes on the thread that calls it, so streams are callers.
        with ThreadPoolExecutor(split.streams) as callers:
            return list(callers.map(vectors, batches))

    def _session(self, threads: int) -> ort.InferenceSession:
        if threads not in self._sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = threads
            # Threads of an idle peer must not take the cores from the one that is measured.
            options.add_session_config_entry("session.force_spinning_stop", "1")
            options.log_severity_level = 3
            self._sessions[threads] = ort.InferenceSession(self._model, options, providers=["CPUExecutionProvider"])
        return self._sessions[threads]


def main() -> None:
    options = arguments(__doc__, "f32", "int8")
    serve(OnnxRuntime(str(options.model), options.precision), options.sequences, options.threads)


if __name__ == "__main__":
    main()
