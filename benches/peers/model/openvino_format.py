"""OpenVINO's int8: post-training quantisation by NNCF."""

from pathlib import Path

import nncf
import openvino as ov

from runners.batches import cut


def quantize(exported: Path, calibration: list[list[int]], folder: Path) -> None:
    def inputs(sequence: list[int]) -> dict:
        batch = cut([sequence], 0)[0]
        return {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}

    model = nncf.quantize(
        ov.Core().read_model(exported),
        nncf.Dataset(calibration, inputs),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(calibration),
    )
    folder.mkdir()  # the format has two files
    ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
