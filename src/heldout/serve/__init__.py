"""``heldout serve``: the runs of a folder in the browser, live, and nothing but reading.

`places` finds the runs, `catalogue` knows them by slugs and keeps their verdicts, `worker` reads and judges in
processes of their own, `guard` decides who is answered, `app` has the routes.
"""
