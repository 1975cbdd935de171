# What makes a case fail although its assertions hold: a command that is not there, and something left behind. Sourced by both case.sh, here and of
# integration/engines, which have a function leftovers: a line for each thing that may not stay. Ends no case and removes nothing.

# bash calls this in a process of its own, whose end is not the case's. A subshell of a case may have another $T.
MISSED_COMMANDS=$T/.no-such-command
command_not_found_handle() { echo "FAILED: no such command: $1" | tee -a "$MISSED_COMMANDS"; return 127; }
had_all_commands() { [ ! -e "$MISSED_COMMANDS" ]; }

# Waits until nothing is left, or tells what is.
nothing_left() { # SECONDS
    local i left
    for ((i = 0; i < $1 * 10; i++)); do
        left=$(leftovers)
        [ -n "$left" ] || return 0
        sleep 0.1
    done
    echo "left behind:"
    echo "$left"
    return 1
}
