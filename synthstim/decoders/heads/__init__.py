"""What the head is made of: a mesh and its morph targets, its colours, and what draws it."""
