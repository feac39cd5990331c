"""Metrics and losses made of a network's features: pure functions, one number per image.

What all of them share:

* Features come from `jaxloss.extract_features`, from a network of your own, or from a discriminator, as dictionaries:
  `features_x` of the image under test and `features_y` of the reference, `{layer: [..., h, w, c]}`, floating, of
  equal shapes. They are compared in float32, or in float64 if any of them are.
* `weights` are `{layer: number}`, and layers not named do not count; or one number for every layer; by default 1.
* LPIPS takes images as the metrics do: `x` under test, `y` the reference, `[..., H, W, 3]`, floating, in
  `[0, data_range]`; `data_range` is 1.0 for [0, 1], 255.0 for [0, 255], and images in [-1, 1] go through
  `jaxloss.ops.to_unit` first. `mask` is `[..., H, W]`, or `[H, W]` for all images, weights >= 0: pixels of weight 0 are
  black in both images and have no influence, and positions of the features count with the share of weighted pixels
  around them. An empty mask scores NaN.
* Results are `[...]`: nothing is reduced over leading axes.
* Gradients, with respect to images, features and weights, are finite everywhere, and 0 for equal ones.
* `ValueError` if layers are missing or none is left, shapes do not fit, images are too small for the network, or an
  option is unknown; `TypeError` for integers, unknown keywords, and features not in a dictionary; both when the
  function is traced.
* On accelerators products and convolutions are in full precision, but for networks with a reduced `dtype`.
"""
