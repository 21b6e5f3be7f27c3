"""What the tester must be told: how the lines of a sync are written."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """One line of whatever it makes up; of a list, one for each thing in it."""
    if isinstance(value, bytes):
        return value
    things = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(thing) for thing in things).encode()
