"""The claims of the paper, one module for each chapter that shows what was measured.

Importing this package imports every module in its folder, and with that registers every claim.

The criteria on toy data were written down before the first run of their measurements, by asking
what a reader takes the paper's words to promise, and have not been changed since. Rough values from
a prototype were known for C2, C4, C5, C6 and C8: a NODE does not fit g on the line, how evaluations
grow, and the losses on the slice. The criteria on images were written down after the final losses
and evaluations of most recorded trainings had been seen; the epochs, the evaluations at equal
losses and the validation losses had not.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
