# Namespaces that there are, and joining them. For the case files that source it.

ns_of() { readlink "/proc/$1/ns/$2"; }
file_of() { case $1 in network) echo net ;; mount) echo mnt ;; *) echo "$1" ;; esac; }

# Becomes unshare(1), run by who runs the runtime. An ordinary user needs a user namespace for any other.
become_unshare() { # UNSHARE-OPTION... COMMAND...
    [ "$RUN_AS" != root ] || exec unshare "$@"
    exec setpriv --reuid "$RUN_AS" --regid "$RUN_AS" --init-groups unshare --map-root-user --map-auto "$@"
}
# The bundle joins a namespace of PID; and an ordinary user's the user namespace that it belongs to.
join_namespace() { # PID TYPE
    add_namespace "$2" "/proc/$1/ns/$(file_of "$2")"
    [ "$RUN_AS" = root ] || add_namespace user "/proc/$1/ns/user"
}
