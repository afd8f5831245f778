"""From chapters to executed notebooks, to the site, and to the notebooks for Colab."""
