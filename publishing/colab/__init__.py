"""The chapters as notebooks for Colab: plain Markdown, no outputs, and they install the package."""

from publishing.colab.notebooks import export_all
from publishing.colab.plain import ExportError

__all__ = ["ExportError", "export_all"]
