"""The laboratory behind the book: experiments, records, theorems on trained networks, figures."""
