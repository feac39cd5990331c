"""Objectives to minimize: lower is better, 0 at a perfect match where theory allows.

What all of them share:

* `x` is the prediction and `y` the target, of equal shape `[..., H, W, C]` with any number of leading axes, floating.
  float16 and bfloat16 are computed and returned as float32; float64 is kept.
* `data_range`, where a loss takes it, is the largest minus the smallest possible pixel value: 1.0 for [0, 1], 255.0 for
  [0, 255]. It may be a tracer. Losses without it take any range of values, and are in the unit of the images.
* `mask`, where a loss takes it, is `[..., H, W]`, or `[H, W]` for all images: weights >= 0, or bool. Pixels of weight 0
  have no influence on the loss nor on its gradient, not even NaN ones. An empty mask gives NaN, with a gradient of 0.
* Results are `[...]`, one number per image: write `.mean()` for the batch.
* Gradients are finite everywhere, and 0 for equal images.
* `ValueError` if shapes differ, an image is too small, or an option is unknown; `TypeError` for integer images (use
  `jaxloss.ops.to_float`); both when the function is traced.

The rooms `gan` and `inpainting` have arguments of their own, see there.
"""
