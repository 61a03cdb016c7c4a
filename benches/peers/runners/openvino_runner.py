"""OpenVINO: f32, bf16, and int8 as NNCF quantised it."""

import openvino as ov
import openvino.properties as properties
import openvino.properties.hint as hint

from runners.batches import Batch
from runners.protocol import Peer, Split, Vectors, arguments, serve


class OpenVino(Peer):
    version = ov.get_version()

    def __init__(self, model: str, precision: str) -> None:
        self._core = ov.Core()
        self._model = self._core.read_model(model)
        self._name = precision
        # An int8 model holds its own precisions; what is not quantised stays in f32.
        self._precision = ov.Type.bf16 if precision == "bf16" else ov.Type.f32
        self._queues: dict[Split, ov.AsyncInferQueue] = {}

    def describe(self) -> str:
        name = self._core.get_property("CPU", properties.device.full_name)
        capabilities = self._core.get_property("CPU", properties.device.capabilities)
        return f"{self._name} on {name}, {'/'.join(capabilities)}"

    def run(self, split: Split, batches: list[Batch]) -> list[Vectors]:
        queue = self._queue(split)
        vectors: list[Vectors] = [None] * len(batches)

        def keep(request: ov.InferRequest, place: int) -> None:
            vectors[place] = request.get_output_tensor(0).data.copy()

        queue.set_callback(keep)
        for place, batch in enumerate(batches):
            inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
            queue.start_async(inputs, userdata=place, share_inputs=True)
        queue.wait_all()
        return vectors

    def _queue(self, split: Split) -> ov.AsyncInferQueue:
        if split not in self._queues:
            mode = hint.PerformanceMode.THROUGHPUT if split.streams > 1 else hint.PerformanceMode.LATENCY
            compiled = self._core.compile_model(
                self._model,
                "CPU",
                {
                    hint.performance_mode: mode,
                    hint.inference_precision: self._precision,
                    properties.num_streams: split.streams,
                    properties.inference_num_threads: split.streams * split.threads,
                },
            )
            self._queues[split] = ov.AsyncInferQueue(compiled, split.streams)
        return self._queues[split]


def main() -> None:
    options = arguments(__doc__, "f32", "bf16", "int8")
    serve(OpenVino(str(options.model), options.precision), options.sequences, options.threads)


if __name__ == "__main__":
    main()
