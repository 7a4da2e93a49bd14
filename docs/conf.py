"""Sphinx configuration: numpydoc for the reference, MyST for everything else."""

import outsample

project = "outsample"
author = "the outsample developers"
copyright = "the outsample developers"
release = outsample.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
html_theme = "pydata_sphinx_theme"
html_title = "outsample"
html_static_path: list[str] = []
exclude_patterns = ["_build", "scripts", "reference/generated"]
nb_execution_mode = "off"
numpydoc_show_class_members = False
autodoc_typehints = "none"
autosummary_generate = False
suppress_warnings = ["myst.header", "myst.xref_missing"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
html_theme_options = {"show_toc_level": 2}
