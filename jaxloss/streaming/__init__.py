"""Statistics of scores that come batch by batch, as in a training loop: of any metric, in states of fixed size.

A state is a pytree: it goes through `jit`, `scan`, `vmap` and `shard_map`, and is donated, sharded and saved as any.
One of the `init_` functions makes it, `update` adds scores, `merge` joins parts, `compute` says what they come to. All
take trees of states, too, such as a dictionary by the names of metrics. Sets of features stream in `jaxloss.sets`.
"""

from ._extremes import Extremes as Extremes, init_extremes as init_extremes
from ._mean import Mean as Mean, MeanState as MeanState, init_mean as init_mean
from ._quantiles import QuantilesState as QuantilesState, init_quantiles as init_quantiles
from ._states import (
    GroupsState as GroupsState,
    compute as compute,
    init_groups as init_groups,
    merge as merge,
    merge_over_devices as merge_over_devices,
    merge_stacked as merge_stacked,
    update as update,
)
