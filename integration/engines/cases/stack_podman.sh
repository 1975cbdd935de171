# A real application stack by `podman kube play`: PostgreSQL, an application behind nginx, and a client, in containers of one pod (stack/pod.yaml).

. "$ENGINES/podman.sh"

engine_start() { podman_start && podman load -q -i "$IMAGES/stack.tar"; }
case_cleanup() { podman_cleanup; podman secret rm -a; }
leftovers() {
    podman_leftovers
    podman pod ps -q | sed 's/^/pod /'
    podman secret ls -q | sed 's/^/secret /'
    awk '$5 ~ "/netns/" { print "mount", $5 }' /proc/self/mountinfo
}

# A ConfigMap of files, as `kubectl create configmap stack-files --from-file` makes it.
files_as_configmap() {
    local file
    printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: stack-files\ndata:\n'
    for file in "$ENGINES"/stack/*.{py,sh,conf}; do
        printf '  %s: |\n' "${file##*/}"
        sed 's/^/    /' "$file"
    done
}
pid_of() { podman inspect --format '{{.State.Pid}}' "stack-$1"; }
client() { podman exec stack-client python3 /stack/client.py "$@"; }
# systemd's timers run the health checks; without systemd they are run by hand.
is_healthy() { # CONTAINER
    if [ -d /run/systemd/system ]; then
        [ "$(podman inspect --format '{{.State.Health.Status}}' "stack-$1")" = healthy ]
    else
        podman healthcheck run "stack-$1"
    fi
}
start_stack() {
    { cat "$ENGINES/stack/pod.yaml" && files_as_configmap; } >"$T/stack.yaml"
    ok podman kube play --network none "$T/stack.yaml"
    within 60 is_healthy db
    within 60 is_healthy web
}
# The volumes stay; `down --force` would fail at an emptyDir, which has gone with the pod.
stop_stack() {
    ok podman kube down "$T/stack.yaml"
    eq "$(podman volume ls -q | xargs)" "stack-data stack-files" "volumes"
}
take_down() {
    stop_stack
    ok podman volume rm stack-data stack-files
}
all_have_limits() {
    has_limits db $((256 << 20)) 80
    has_limits app $((128 << 20)) 70
    has_limits web $((64 << 20)) 60
    has_limits client $((96 << 20)) 50
}
restarts_of() { podman inspect --format '{{.RestartCount}}' "stack-$1"; }

test_a_pod_of_database_application_web_server_and_client_serves_a_thousand_requests() {
    # timeout_s: 150
    start_stack
    all_have_limits
    ok client ask first 1000
    eq "$out" "1000 requests, 1000 right"
    # SIGINT has reached the server, and it has answered within its time.
    stop_stack
    start_stack
    ok podman logs stack-db
    has "$err" "database system was shut down at"
    ok client read first 1000
    take_down
}
test_what_is_killed_is_started_again_and_the_data_is_still_there() {
    # timeout_s: 150
    start_stack
    ok client ask before 100
    kill_first_process db
    within 60 client ask between 2
    ok podman logs stack-db
    has "$err" "database system was not properly shut down; automatic recovery"
    ok client read before 100
    kill_first_process web
    within 60 client ask between 2
    ok client ask after 100
    ok client read before 100
    all_have_limits
    take_down
}
