"""Run `ser-data` as `python -m ser_pcq.cli.data`."""

from ser_pcq.cli.data.commands import main

main()
