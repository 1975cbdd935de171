"""scripts/bench: measures tare beside crun, runc and a floor of bare system calls. docs/performance.md says what and how.

`outside` runs on the host: it prepares, enters the peers' root and cleans up. `inside` runs in that root and measures.
Only the standard library is used; Python 3.9 outside, Debian testing's inside.
"""
