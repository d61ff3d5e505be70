"""Running an exported experiment, or rehearsing it on a computer without a screen or a sound device."""
