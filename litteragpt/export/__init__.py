"""Our models as other software reads them.

`huggingface` (`transformers`, vLLM), `onnx` (ONNX Runtime) and `gguf` (llama.cpp) write a folder
each; `hub` sends a checkpoint to the Hugging Face Hub. The libraries they need are the optional
extras `hf` and `export`, imported only where they are used.
"""

from __future__ import annotations

from litteragpt.export.gguf import export_gguf
from litteragpt.export.hub import push_to_hub
from litteragpt.export.huggingface import export_transformers, to_transformers
from litteragpt.export.onnx import export_onnx

__all__ = ["export_gguf", "export_onnx", "export_transformers", "push_to_hub", "to_transformers"]
