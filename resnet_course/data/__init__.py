"""Pictures in memory: where they come from, how they become batches, how they are changed.

Read `splits` (pictures and labels as four tensors, and a part kept back), `sources` (Fashion-MNIST,
MNIST and drawn garments), `folders` (pictures of your own), `fruit` (a folder to practise with),
`batches` and `augment`.
`cache` and `download` find, fetch and keep the files. `garments`, `garment_classes` and
`raster` draw garments where there is no network. `collage` puts several garments on one canvas.
`memory` gives back what was freed.
"""

from resnet_course.data.augment import Augment
from resnet_course.data.batches import TensorBatches, to_float
from resnet_course.data.cache import DataUnavailableError
from resnet_course.data.collage import Collages, collages
from resnet_course.data.folders import image_folder
from resnet_course.data.memory import give_back
from resnet_course.data.sources import drawn_garments, fashion_mnist, mnist
from resnet_course.data.splits import Splits, check_splits, hold_out

__all__ = [
    "Augment",
    "Collages",
    "DataUnavailableError",
    "Splits",
    "TensorBatches",
    "check_splits",
    "collages",
    "drawn_garments",
    "fashion_mnist",
    "give_back",
    "hold_out",
    "image_folder",
    "mnist",
    "to_float",
]
