"""What participants answered, and in which experiment: its study, their trials, and who is kept."""
