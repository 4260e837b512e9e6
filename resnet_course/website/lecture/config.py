"""For `jupyter nbconvert --to slides --config resnet_course/website/lecture/config.py NOTEBOOK`."""

from resnet_course.website.lecture import configure

configure(get_config())  # noqa: F821, Jupyter defines it
