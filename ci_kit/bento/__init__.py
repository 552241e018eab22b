"""A bento as packaging makes it and deployment takes it: its content, its archive, its signature, and it running."""
