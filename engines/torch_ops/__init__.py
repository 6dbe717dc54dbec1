"""What each ONNX operator is in PyTorch, in a table by name.

PyTorch itself is loaded by the first translation, not by importing this.
"""

from engines.torch_ops import elementwise, layers, layout, recurrent, reductions, resampling, sizes
from engines.torch_ops.table import OPERATORS, SIZE_OPERATORS

__all__ = [
    "OPERATORS",
    "SIZE_OPERATORS",
    "elementwise",
    "layers",
    "layout",
    "recurrent",
    "reductions",
    "resampling",
    "sizes",
]
