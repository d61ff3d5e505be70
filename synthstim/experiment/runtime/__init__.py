"""What an exported experiment calls at the rig: the standard library and PsychoPy only, copied into each experiment."""
