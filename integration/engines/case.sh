# case.sh FILE NAME: runs one case of an engine that is running. Called by session. Exit 0: passed, 77: skipped.
# What a case sees: $T its work folder, $RUNTIME and $RUNTIME_PATH, and the helpers of engine.sh and integration/lib/assert.sh.
set -u
file=$1 name=$2
T=$(mktemp -d "$SESSION/case.XXXXXX")
export FOREIGN='' T
cd "$T" || exit 99
. "$ENGINES/../lib/assert.sh"
. "$ENGINES/engine.sh"
# bash calls this in a process of its own, whose end is not the case's.
command_not_found_handle() { echo "FAILED: no such command: $1" | tee -a "$T/.no-such-command"; return 127; }
. "$file"
("test_$name"; exit 0)
rc=$?
[ ! -e "$T/.no-such-command" ] || rc=1
engine_answers >/dev/null 2>&1 || { echo "the engine does not answer any more"; rc=1; }
[ $rc = 0 ] || { case_cleanup >/dev/null 2>&1; exit $rc; }
for _ in $(seq $((20 * SLOWNESS))); do
    left=$(leftovers)
    [ -n "$left" ] || exit 0
    sleep 0.1
done
echo "left behind:"
echo "$left"
case_cleanup >/dev/null 2>&1
exit 1
