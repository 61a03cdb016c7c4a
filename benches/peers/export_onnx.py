"""Writes the encoder of a plaint model folder as ONNX: the same weights, int8 ones multiplied out to f32.

    python benches/peers/export_onnx.py models/plaint-base plaint-base.onnx
"""

import argparse
from pathlib import Path

import onnx

from model import folder, graph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("onnx", type=Path, help="file to write")
    arguments = parser.parse_args()
    onnx.save(graph.build(folder.read(arguments.model)), arguments.onnx)


if __name__ == "__main__":
    main()
