"""Objectives of image inpainting: hole, known pixels and composite, and the published sums of terms as data.

What all of them share:

* `output` is what the generator makes and `target` the true image, of equal shape `[..., H, W, C]` with any number of
  leading axes, floating. A recipe takes RGB in `[0, data_range]`; images in [-1, 1] go through `jaxloss.ops.to_unit`.
* `mask` is `[..., H, W]`, or `[H, W]` for all images: 1 = known, 0 = hole, everywhere; bool or floating.
* Results are `[...]`, float32, or float64 where an image is: nothing is reduced over leading axes.
* Lower is better, 0 at a perfect match but for adversarial terms. Gradients are finite everywhere: for an output equal
  to the target, with nothing known, and without a hole.
* `ValueError` if shapes do not fit each other or a name is unknown, `TypeError` for integer images; both when the
  function is traced.

`INPAINTING_RECIPES` is a table of `Recipe`s, each of `Term`s and, for adversarial ones, a `Discriminator`;
`dataclasses.replace` changes one.
"""

from ._recipes import Discriminator as Discriminator, Recipe as Recipe, Term as Term
