"""The compiled hot path (Cython): what runs so often that the interpreter would show."""
