"""A journal in memory."""


class MemoryJournal:
    """Keeps what capture appends, in order."""

    def __init__(self):
        self.frames = []
        self.events = []
        self.rest = []
        self.order = []

    def append_frames(self, t_ns, connection, frames):
        self.frames += [(t_ns, connection, frame) for frame in frames]
        self.order += [("frame", connection)] * len(frames)

    def append_event(self, kind, fields, connection=None, t_ns=None):  # noqa: ARG002  # the signature
        self.events.append((kind, dict(fields), connection))
        self.order.append((kind, connection))

    def append_rest(self, call, params, status, body, error=None, t_ns=None, asked_ns=None):
        self.rest.append((call, dict(params), status, body, error, t_ns, asked_ns))

    def texts(self, connection=None):
        return [frame for _, number, frame in self.frames if connection in (None, number)]

    def kinds(self, connection=None):
        return [kind for kind, _, number in self.events if connection in (None, number)]

    def fields(self, kind):
        return [fields for each, fields, _ in self.events if each == kind]
