"""The chapters as notebooks for Colab: plain Markdown, no outputs, and they install the package."""

from publishing.colab.errors import ExportError
from publishing.colab.notebooks import export_all

__all__ = ["ExportError", "export_all"]
