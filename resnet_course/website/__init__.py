"""The notebooks as a website and as slides, with their stored outputs; nothing of them is run.

`book` is mdBook's preprocessor, `lecture` sets up nbconvert's slides. Neither loads torch. `stored`
keeps a widget in a file while a notebook is executed; `explorer_files` says what stands there for a
ShapeExplorer, and brings its front end into a page; `weights_file` says how the weights of a
network that runs in a page are stored.
"""
