"""Which stimulus comes next: policies, one file each; ``POLICY`` opens one for a folder of stimuli."""
