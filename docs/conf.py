"""Sphinx configuration: numpydoc for the reference, MyST for everything else."""

import os
import tempfile

import outsample

# The tutorial counts its trials from one, whoever builds the pages.
os.environ["OUTSAMPLE_STORE"] = os.path.join(tempfile.mkdtemp(prefix="outsample-docs-"), "store.db")  # noqa: PTH118
project = "outsample"
author = "the outsample developers"
copyright = "the outsample developers"
release = outsample.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
html_theme = "pydata_sphinx_theme"
html_title = "outsample"
html_static_path: list[str] = []
exclude_patterns = ["_build", "scripts", "reference/generated"]
# Notebooks are committed without outputs: they are run when the pages are built, without a network, and must not fail.
nb_execution_mode = "auto"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
numpydoc_show_class_members = False
autodoc_typehints = "none"
autosummary_generate = False
suppress_warnings = ["myst.header", "myst.xref_missing"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
html_theme_options = {"show_toc_level": 2}
