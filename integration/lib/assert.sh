# Assertions of a case: each prints what was expected and what was seen, and ends the case.

fail() { echo "FAILED: $*"; trace_here; exit 1; }
skip() { echo "$*"; exit 77; }

trace_here() {
    local i
    for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
        [[ ${BASH_SOURCE[$i]} == */cases/* ]] && echo "  at ${BASH_SOURCE[$i]##*/cases/}:${BASH_LINENO[$((i - 1))]}" && break
    done
}

eq() { # SEEN EXPECTED [WHAT]
    [ "$1" = "$2" ] || fail "${3:-value}: expected '$2', saw '$1'"
}
ne() { # SEEN UNWANTED [WHAT]
    [ "$1" != "$2" ] || fail "${3:-value}: must not be '$2'"
}
has() { # TEXT PART [WHAT]
    case $1 in *"$2"*) ;; *) fail "${3:-text}: expected to hold '$2', saw: $1" ;; esac
}
lacks() { # TEXT PART [WHAT]
    case $1 in *"$2"*) fail "${3:-text}: must not hold '$2', saw: $1" ;; esac
}
matches() { # TEXT REGEX [WHAT]
    grep -qE -- "$2" <<<"$1" || fail "${3:-text}: expected to match '$2', saw: $1"
}
at_most() { # SEEN LIMIT [WHAT]
    local limit=$2
    [[ ${3:-} != milliseconds* ]] || limit=$((limit * SLOWNESS))
    [ "$1" -le "$limit" ] || fail "${3:-number}: expected at most $limit, saw $1"
}
at_least() { # SEEN LIMIT [WHAT]
    [ "$1" -ge "$2" ] || fail "${3:-number}: expected at least $2, saw $1"
}
exists() { [ -e "$1" ] || [ -L "$1" ] || fail "${2:-$1}: expected to exist"; }
absent() { [ ! -e "$1" ] && [ ! -L "$1" ] || fail "${2:-$1}: must not exist: $(ls -ld "$1")"; }

# Runs a command; its output is in $out and $err, its exit code in $code, its duration in $took_ms.
call() {
    local start=${EPOCHREALTIME/./}
    "$@" >"$T/.out" 2>"$T/.err"
    code=$?
    took_ms=$(((${EPOCHREALTIME/./} - start) / 1000))
    out=$(tr -d '\0' <"$T/.out") err=$(tr -d '\0' <"$T/.err")
}
# The command succeeds.
ok() {
    call "$@"
    [ $code = 0 ] || fail "'$*' ended with $code: $err $out"
}
# The command ends with this code.
ends() { # CODE COMMAND...
    local expected=$1
    shift
    call "$@"
    [ $code = "$expected" ] || fail "'$*': expected exit code $expected, saw $code: $err $out"
}
# The runtime refuses: exit code 1, one line on stderr that names the program and matches REGEX, nothing on stdout.
refuses() { # REGEX COMMAND...
    local expected=$1
    shift
    call "$@"
    [ $code != 0 ] || fail "'$*' succeeded, expected a refusal that matches '$expected'; stdout: $out"
    grep -qiE -- "$expected" <<<"$err" || fail "'$*': expected an error that matches '$expected', saw: $err"
    [ -n "$FOREIGN" ] && return
    [ $code = 1 ] || fail "'$*': expected exit code 1, saw $code"
    [ "$(wc -l <"$T/.err")" = 1 ] || fail "'$*': expected one line of error, saw: $err"
    matches "$err" '^tare: ' "error line"
    lacks "$err" "os error" "error line"
    eq "$out" "" "stdout of a refused command"
}

# Waits up to ten seconds for a command to succeed ($SLOWNESS times as long where the machine is emulated).
eventually() {
    local i
    for ((i = 0; i < 500 * SLOWNESS; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.02
    done
    fail "not within $((10 * SLOWNESS)) s: $*"
}
