"""Closed-form metrics, one file per paper family: pure functions `f(x, y, *, ...)`, one number per image.

What all of them share:

* `x` is the image under test and `y` the reference, of equal shape `[..., H, W, C]` with any number of leading axes,
  floating, values in `[0, data_range]`. float16 and bfloat16 are computed and returned as float32; float64 is kept.
* `data_range` is the largest minus the smallest possible pixel value, L in formulas: 1.0 for [0, 1], 255.0 for
  [0, 255]. It may be a tracer.
* `mask` is `[..., H, W]`, or `[H, W]` for all images: weights >= 0, or bool. Pixels of weight 0 have no influence on
  the score nor on its gradient, not even NaN ones; weights are relative. An empty mask scores NaN, with a gradient
  of 0.
* Results are `[...]`: nothing is reduced over leading axes.
* Gradients are finite everywhere, and 0 for equal images.
* `ValueError` if shapes differ, an image is too small, or an option is unknown; `TypeError` for integer images (use
  `jaxloss.ops.to_float`) and unknown keywords; both when the function is traced.
* What a metric agrees with, its range and its direction also stand in its row of `jaxloss.registry.METRICS`.
"""
