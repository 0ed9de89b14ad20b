"""Wrong versions of the program, each a patch, and the runner that sees whether the checks notice them."""
