"""The published derivatives of SSIM and its multi-scale forms, in closed form: a check of `jaxloss.metrics`.

`x` is the image under test and `y` the reference, of equal shape `[..., H, W, C]`, floating, values in
`[0, data_range]`; `data_range` is the largest minus the smallest possible pixel value. Results have the shape of the
images, per unit of `x`, and point where the score rises. `k1` and `k2` stabilize the luminance and the
contrast-structure term; 0.01 and 0.03. `ValueError` if shapes differ or an image is too small; `TypeError` for integer
images. Each is differentiable itself: its derivative is the Hessian of the score.
"""
