"""Models and the rows that they are asked about: loaded safely, fed, and their answers read.

What tests a model, packages it or serves it looks at it through the same eyes. Nothing heavy is imported before it is
needed.
"""
