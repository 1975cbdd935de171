# A real application stack by `docker compose`: PostgreSQL, an application, nginx and a client, in containers of a bridge network (stack/compose.yaml).

. "$ENGINES/docker.sh"

# A bridge network's names, ports and way out are rules of address translation. User Mode Linux has none: the services have the machine's network there.
if has_networks; then
    COMPOSE_FILE=$ENGINES/stack/compose.yaml WEB=127.0.0.1:18080
else
    COMPOSE_FILE=$ENGINES/stack/compose.yaml:$ENGINES/stack/compose.host.yaml WEB=127.0.0.1:8080
fi
export COMPOSE_FILE
compose() { docker compose --progress quiet "$@"; }
engine_version() { docker_version; }
engine_start() { docker_start && docker load -q -i "$IMAGES/stack.tar"; }
engine_stop() { stop_daemon dockerd; }
case_cleanup() { compose --profile client down -v -t 0; docker_cleanup; }
leftovers() {
    docker_leftovers
    awk '$5 ~ "/docker/containers/" { print "mount", $5 }' /proc/self/mountinfo
    pgrep -ax docker-proxy | sed 's/^/proxy /'
    ip -br link show type bridge | grep -v '^docker0 ' | sed 's/^/bridge /'
}

pid_of() { docker inspect --format '{{.State.Pid}}' "stack-$1-1"; }
client() { compose run --rm --no-deps -T client "$@"; }
start_stack() { ok compose up -d --wait --wait-timeout $((60 * SLOWNESS)); }
take_down() { ok compose --profile client down -v; }
all_have_limits() {
    has_limits db $((256 << 20)) 80 60
    has_limits app $((128 << 20)) 70 50
    has_limits web $((64 << 20)) 60 40
}
restarts_of() { docker inspect --format '{{.RestartCount}}' "stack-$1-1"; }
answers_on_its_port() { curl -fsS "http://$WEB/health"; }

test_services_on_a_bridge_network_with_a_published_port_serve_a_thousand_requests() {
    # timeout_s: 150
    start_stack
    all_have_limits
    ok answers_on_its_port
    eq "$out" well
    ok client ask first 1000
    eq "$out" "1000 requests, 1000 right"
    # SIGINT has reached the server, and it has answered within its time.
    ok compose down
    start_stack
    ok compose logs db
    has "$out" "database system was shut down at"
    ok client read first 1000
    take_down
}
test_what_is_killed_is_started_again_and_the_data_is_still_there() {
    # timeout_s: 150
    start_stack
    ok client ask before 100
    kill_first_process db
    within 60 client ask between 2
    ok compose logs db
    has "$out" "database system was not properly shut down; automatic recovery"
    ok client read before 100
    kill_first_process web
    within 60 client ask between 2
    ok client ask after 100
    ok client read before 100
    ok answers_on_its_port
    all_have_limits
    take_down
}
