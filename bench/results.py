"""What has been measured so far: samples by operation, subject and pair; and what failed. Filled by the sections, read by `report`."""

from collections import defaultdict

FAILURES_MAX = 3


class Results:
    def __init__(self):
        # operation -> subject -> pair -> Cost
        self.samples = defaultdict(lambda: defaultdict(dict))
        self.failures = defaultdict(list)  # (operation, subject) -> texts
        self.single = {}  # name of a figure that is not timed -> subject -> value
        self.scale = []
        self.loads = []

    def add(self, operation, subject, pair, cost):
        self.samples[operation][subject][pair] = cost

    def fail(self, operation, subject, text):
        self.failures[operation, subject].append(str(text))

    def is_out(self, operation, subject):
        """Failed too often to be asked again; the report names it."""
        return len(self.failures[operation, subject]) >= FAILURES_MAX

    def put(self, figure, subject, value):
        self.single.setdefault(figure, {})[subject] = value

    def paired(self, operation, one, other, measure):
        """The samples of two subjects, of those pairs that have both."""
        ours, theirs = self.samples[operation][one], self.samples[operation][other]
        pairs = sorted(set(ours) & set(theirs))
        return [getattr(ours[pair], measure) for pair in pairs], [getattr(theirs[pair], measure) for pair in pairs]
