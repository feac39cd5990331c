"""The tools around the metrics: image files, comparison, pictures, gradient check, style transfer, files of curves."""

from ._compare import choose_metrics as choose_metrics, compare as compare, shape_notes as shape_notes
from ._curve_file import curves_csv as curves_csv, read_curves as read_curves
from ._demo import demo as demo, distort as distort, sample_photograph as sample_photograph
from ._errors import InputError as InputError
from ._gradcheck import (
    GradientCheck as GradientCheck,
    check_gradients as check_gradients,
    gradient_pair as gradient_pair,
)
from ._images import ImageFile as ImageFile, read_image as read_image
from ._pictures import (
    contact_sheet as contact_sheet,
    dissimilarity_map as dissimilarity_map,
    heat_map_picture as heat_map_picture,
)
from ._saving import save_picture as save_picture
from ._stylize import stylize as stylize
