"""The lecture's settings, for two commands.

jupyter nbconvert --to slides --config resnet_course/website/lecture/config.py NOTEBOOK
jupyter lab --config resnet_course/website/lecture/config.py NOTEBOOK
"""

from resnet_course.website.lecture import configure

configure(get_config())  # noqa: F821, Jupyter defines it
