"""What peers run: the model in each runtime's format, made once and kept by the checksum of its weights."""

import hashlib
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import onnx

from driver import sequences
from model import folder


class Artefacts:
    def __init__(self, model: Path, texts: Path, cache: Path) -> None:
        self._folder = model
        self._texts = texts
        # A change of the exporter or of a tool is a change of what it makes.
        sources = [model / folder.WEIGHTS, model / folder.MANIFEST, *sorted(Path(folder.__file__).parent.glob("*.py"))]
        sources.append(Path(__file__).parent.parent / "requirements.txt")
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
        self._cache = cache / digest[:16]
        self._cache.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """The artefact of this name in peers.toml; makes it if it is not there."""
        make = {
            "folder": lambda: self._folder,
            "onnx": self._onnx,
            "onnxruntime-f32": self._fused,
            "onnxruntime-int8": self._onnxruntime_int8,
            "openvino-int8": self._openvino_int8,
            "ctranslate2": self._ctranslate2,
        }
        if name not in make:
            raise ValueError(f"peers.toml: field `model`: found `{name}`, expected one of {', '.join(make)}")
        return make[name]()

    @cached_property
    def model(self) -> folder.Model:
        return folder.read(self._folder)

    def _onnx(self) -> Path:
        from model import graph

        return self._made("model.onnx", lambda path: onnx.save(graph.build(self.model), path))

    def _fused(self) -> Path:
        from model import onnxruntime_format

        return self._made("fused.onnx", lambda path: onnxruntime_format.fuse(self._onnx(), self.model, path))

    def _onnxruntime_int8(self) -> Path:
        from model import onnxruntime_format

        return self._made("fused-int8.onnx", lambda path: onnxruntime_format.quantize(self._fused(), path))

    def _openvino_int8(self) -> Path:
        from model import openvino_format

        texts = sequences.calibration(self._folder, self._texts)
        made = self._made("openvino-int8", lambda path: openvino_format.quantize(self._onnx(), texts, path))
        return made / "model.xml"

    def _ctranslate2(self) -> Path:
        from model import ctranslate2_format

        return self._made("ctranslate2", lambda path: ctranslate2_format.save(self.model, path))

    def _made(self, name: str, make: Callable[[Path], None]) -> Path:
        """Under another name until it is whole: a run that is cut off leaves no half of a model behind."""
        path, partial = self._cache / name, self._cache / f"partial-{name}"
        if not path.exists():
            print(f"making {path}", flush=True)
            shutil.rmtree(partial, ignore_errors=True)
            partial.unlink(missing_ok=True)
            make(partial)
            partial.rename(path)
        return path
