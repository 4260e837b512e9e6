"""Start the course: `python -m resnet_course`, which is also `resnet-course`."""

import sys

from resnet_course.start.command import main

if __name__ == "__main__":
    sys.exit(main())
