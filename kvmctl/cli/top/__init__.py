"""top: every running guest as the host process that it is."""
