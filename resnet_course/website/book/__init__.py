"""The book: an mdBook preprocessor that turns the notebooks, with their stored outputs, into pages.

`mdbook build` starts it as `python -m resnet_course.website.book`. Nothing of the notebooks is run.
"""
