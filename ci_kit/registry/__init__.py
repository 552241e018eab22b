"""The registry without a server: versions and stages are annotated git tags, what they mean lies on the history branch.

A tag `digits@v1.2.0` (the grammar of GTO) points to the commit of the branch `ci-kit` that holds
`registry/digits/v1.2.0.json`; a tag `digits#prod#3` points to the commit of the version that got the stage.
"""
