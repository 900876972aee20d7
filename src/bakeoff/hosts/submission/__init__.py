"""`bakeoff submit`: a flow and its evaluation as Azure batch runs.

A run is planned and checked without Azure (`plan`, `checks`, `preview`), on a copy of the flow, because Prompt Flow's
client writes into the folder that it uploads. Its name is a hash of what it is made of, so that submitting the same
again finds the run that is there.
"""
