"""All kinds of faults that can be injected. Each is one function under `@fault`, found by its name.

To add a kind, write a function that takes a Stage, changes its conditions between `start_ns` and `end_ns`, and notes
with `affects` which services deviate from when; the faulty one first. It goes to the file of its family; a new file is
named here.
"""

# The order of these imports is that of the registry, in which kinds take their usual services: new files go last.
from ingest.simulate import faults_calls, faults_host, faults_work
from ingest.simulate.fault_kind import FAULTS, fault

__all__ = ["FAULTS", "fault", "faults_calls", "faults_host", "faults_work"]
