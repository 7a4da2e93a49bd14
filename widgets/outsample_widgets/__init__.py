"""Interactive widgets for outsample's results: the package's place; there are none in this release yet."""

__all__: list[str] = []
