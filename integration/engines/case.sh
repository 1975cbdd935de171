# case.sh FILE NAME: runs one case of an engine that is running. Called by session. Exit 0: passed, 77: skipped.
# What a case sees: $T its work folder, $RUNTIME and $RUNTIME_PATH, and the helpers of engine.sh and integration/lib/assert.sh.
set -u
file=$1 name=$2
T=$(mktemp -d "$SESSION/case.XXXXXX")
export FOREIGN='' T
cd "$T" || exit 99
. "$ENGINES/../lib/assert.sh"
. "$ENGINES/engine.sh"
. "$ENGINES/../lib/ending.sh"
. "$file"
("test_$name"; exit 0)
rc=$?
had_all_commands || rc=1
engine_answers >/dev/null 2>&1 || { echo "the engine does not answer any more"; rc=1; }
[ $rc = 0 ] || { case_cleanup >/dev/null 2>&1; exit $rc; }
nothing_left $((2 * SLOWNESS)) && exit 0
case_cleanup >/dev/null 2>&1
exit 1
