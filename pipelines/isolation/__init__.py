"""Steps that run in a child process, so that they can really be stopped: by a timeout, a cancellation, or by memory.

The child imports the step's function and nothing of Django; parent and child speak over one pipe.
"""
