"""A stand-in for the Google services and the library repository that a deploy talks to.

It is a program of its own: it imports nothing of flowdeploy outside this package
and is reached by URL only. One emulated service is one module or one folder, which
brings its tables (``SCHEMA``) and its paths (``routes(state)``).
"""
