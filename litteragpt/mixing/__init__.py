"""Several language models read as one: their probabilities are averaged."""
