"""Data in, picture out: SVG and matplotlib, each picture with its description in words.

Nothing here shows anything by itself: a picture that is the last value of a cell shows itself.
`plots` has the charts (more in `charts`, `grids`, `overlays`), `draw` the drawings of blocks and
networks (more in `block_drawing`, `diagrams`), `gradient_figure` that of the GradientFlowLab. Both
stand on `described` (a picture and its words), `style` and `canvas`. `frames` has the pictures of
widgets for places without a kernel.
"""
