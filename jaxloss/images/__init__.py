"""Image files and pictures: read, saved, distorted, painted, and drawn beside the maps of their errors."""

from ._distortion_sheet import distortion_sheet as distortion_sheet
from ._distortions import distort as distort, sample_photograph as sample_photograph
from ._jpeg import jpeg_file as jpeg_file
from ._light import read_light as read_light
from ._maps import (
    choose_map as choose_map,
    contact_sheet as contact_sheet,
    dissimilarity_map as dissimilarity_map,
    heat_map_picture as heat_map_picture,
)
from ._photographs import (
    Photograph as Photograph,
    Stack as Stack,
    random_crops as random_crops,
    read_photographs as read_photographs,
    stack_images as stack_images,
)
from ._read import (
    ImageFile as ImageFile,
    check_comparable as check_comparable,
    is_light as is_light,
    read_image as read_image,
)
from ._save import check_destination as check_destination, save_picture as save_picture
from ._stylize import stylize as stylize
