"""Other libraries: one table of them for the races and for tests/parity, and the adapters of their frameworks.

A peer more is a line in `table.py`.
"""

from ._contestants import entrants as entrants, peers_of as peers_of
from ._frameworks import CHANNELS_LAST as CHANNELS_LAST, Entrant as Entrant, jax_entrant as jax_entrant
from ._libraries import LIBRARIES as LIBRARIES, missing as missing, prepare_torchvision as prepare_torchvision
from ._rows import Peer as Peer
from .table import PEERS as PEERS
