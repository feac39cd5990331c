"""Files of human judgments: the layout of BAPPS, read in batches and written from choices of one's own or by rule."""

from ._batches import batches as batches, batches_per_epoch as batches_per_epoch
from ._check import SubsetCheck as SubsetCheck, check_trials as check_trials
from ._import import import_pairs as import_pairs, import_triplets as import_triplets
from ._layout import TrialSet as TrialSet, find_trials as find_trials
from ._synthetic import Observer as Observer, synthesize as synthesize
from ._write import write_choices as write_choices, write_comparisons as write_comparisons
