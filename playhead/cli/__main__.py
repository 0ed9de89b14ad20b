"""`python -m playhead.cli` is the command `playhead`."""

from playhead.cli import main

main()
