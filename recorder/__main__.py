"""`python -m recorder` is the console script."""

from recorder.cli import main

main()
