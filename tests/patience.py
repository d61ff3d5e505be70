"""How long tests wait for what should come soon: what hangs ends, and no load makes a test fail."""

PATIENCE_S = 6 * 3600
