"""The sandbox: a server that emulates the Google services and Clojars, for deploys and tests.

It is a program of its own: it imports nothing of flowdeploy outside this package, and
clients reach it by URL only. Each emulated service is one folder or module that has its
tables (``SCHEMA``), its paths (``routes(state)``), its handlers and its errors:
``appengine``, ``storage``, ``clojars``, ``cloud_tasks``, ``cloud_scheduler``, ``datastore``,
``service_usage`` and ``app_pages``. ``google_api`` has what Google's APIs share, ``server``
puts everything together, ``control`` is the control API.
"""
