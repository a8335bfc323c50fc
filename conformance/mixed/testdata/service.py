"""The service probe in Python, at the path that is given."""

import os
import sys

import probe
import sabir

sabir.serve(probe.new(), address=sys.argv[1], ready=lambda path: print("ready", flush=True))
