"""What users of five frameworks have in their repositories: each file is the `model.py` of a project of its own.

`python model.py` trains, exports `model.onnx`, saves the framework's own file beside it, and what it answers to the
evaluation data (`answers.npy`). `answers` is the project's `package.reference`.
"""
