"""Names for the arrays that cross function borders."""

import numpy as np
from numpy.typing import NDArray

ImageArray = NDArray[np.uint8]
"""(height, width, 3) uint8 RGB image, values 0..255."""

FloatArray = NDArray[np.float32]
"""float32 array; the shape stands where it is used."""

DoubleArray = NDArray[np.float64]
"""float64 array; the shape stands where it is used."""

BoolArray = NDArray[np.bool_]
"""boolean array; the shape stands where it is used."""
