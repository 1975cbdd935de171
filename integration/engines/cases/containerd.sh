# containerd with its shim for runc: its calls of the runtime, through ctr.

CTR_RUN="ctr run --runtime io.containerd.runc.v2 --runc-binary $RUNTIME_PATH"
engine_version() { containerd --version; }
engine_start() {
    start_daemon containerd containerd ctr version && ctr images import "$IMAGES/box.tar"
}
engine_stop() { stop_daemon containerd; }
case_cleanup() { :; }
leftovers() {
    ctr containers list -q | sed 's/^/container /'
    leftover_states
}

test_a_command_runs_and_its_output_comes_back() {
    ok $CTR_RUN --rm localhost/box:1 c1 echo hello
    eq "$out" hello
}
