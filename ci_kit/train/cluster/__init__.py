"""Train on a Ray cluster: a thin process here submits a Ray Job, follows it and brings its outputs back."""
