# What the specification says of the configuration and the state as a whole: config.md "Extensibility" and "Valid
# values", runtime.md "State".

test_unknown_properties_and_annotations_are_ignored() {
    bundle
    config '.unknownTop = {a: [1]} | .process.unknown = true | .root.unknown = 1 | .mounts[0].unknown = "x"
        | .linux.unknown = {} | .linux.namespaces[0].unknown = null
        | .annotations = {"org.opencontainers.unknown": "1", "com.example.unknown": ""}'
    script 'echo it runs'
    runs
    eq "$out" "it runs"
    eq "$err" "" "nothing is said of unknown properties"
}

# The object that `state` prints obeys schema/state-schema.json of the specification, in each status.
state_obeys_the_schema() { # STATUS
    ok tare state "$ID"
    jq -e --arg s "$1" --arg id "$ID" '
        (.ociVersion | type == "string" and test("^[0-9]+\\.[0-9]+\\.[0-9]+"))
        and .id == $id and .status == $s
        and (if $s == "created" or $s == "running" then (.pid | type == "number" and . > 0) else (.pid // 0) == 0 end)
        and (.bundle | startswith("/"))
        and ((.annotations // {}) | type == "object" and all(.[]; type == "string"))' <<<"$out" >/dev/null ||
        fail "state $1 does not obey the schema: $out"
}

test_state_follows_the_schema_in_every_status() {
    bundle
    config '.annotations = {"com.example.a": "b"}'
    command_is sleep 30
    created
    state_obeys_the_schema created
    ok tare start "$ID"
    state_obeys_the_schema running
    ok tare kill "$ID" KILL
    becomes stopped
    state_obeys_the_schema stopped
    gone
}

# One change to config.json that must be refused, with the pointer in the error: FILTER POINTER.
is_refused() {
    config "$1"
    refuses "config.json#$2" tare create "$ID"
    cp "$BASE/config.json" "$B/config.json"
}

test_each_invalid_value_is_refused() {
    bundle
    is_refused '.linux.namespaces[0].type = "planet"' /linux/namespaces/0
    is_refused '.process.rlimits = [{type: "RLIMIT_X", soft: 1, hard: 1}]' /process/rlimits/0
    is_refused '.process.scheduler = {policy: "SCHED_X"}' /process/scheduler/policy
    is_refused '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_X"]}' /process/scheduler/flags
    is_refused '.process.ioPriority = {class: "IOPRIO_CLASS_X", priority: 0}' /process/ioPriority
    is_refused '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 8}' /process/ioPriority
    is_refused '.linux.personality = {domain: "LINUX99"}' /linux/personality
    is_refused '.linux.personality = {domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"]}' /linux/personality/flags
    is_refused '.linux.rootfsPropagation = "sideways"' /linux/rootfsPropagation
    is_refused '.linux.devices = [{type: "x", path: "/dev/x", major: 1, minor: 1}]' /linux/devices/0
    is_refused '.linux.resources.devices = [{allow: true, type: "q", access: "r"}]' /linux/resources/devices/0
    is_refused '.linux.resources.devices = [{allow: true, type: "c", access: "rz"}]' /linux/resources/devices/0
    is_refused '.linux.seccomp = {defaultAction: "SCMP_ACT_X"}' /linux/seccomp/defaultAction
    is_refused '.linux.memoryPolicy = {mode: "MPOL_X", nodes: "0"}' /linux/memoryPolicy
    is_refused '.linux.timeOffsets = {tai: {secs: 1}}' /linux/timeOffsets
    is_refused '.process.cwd = "tmp"' /process/cwd
    is_refused '.process.args = []' /process/args
    is_refused '.process.env = ["NOEQUALS"]' /process/env/0
    is_refused '.ociVersion = "two"' /ociVersion
}

test_a_missing_required_property_is_refused_by_name() {
    bundle
    is_refused 'del(.ociVersion)' /ociVersion
    is_refused 'del(.root)' /root
    is_refused 'del(.root.path)' /root/path
    is_refused 'del(.mounts[0].destination)' /mounts/0/destination
    is_refused 'del(.process.cwd)' /process/cwd
    is_refused 'del(.process.args)' /process/args
    is_refused 'del(.linux.namespaces[0].type)' /linux/namespaces/0/type
    is_refused '.process.terminal = true | .process.consoleSize = {height: 1}' /process/consoleSize
    is_refused '.process.scheduler = {nice: 1}' /process/scheduler
    is_refused '.process.ioPriority = {priority: 1}' /process/ioPriority
    is_refused '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1}]' /process/rlimits/0
    is_refused '.hooks = {prestart: [{args: ["x"]}]}' /hooks/prestart/0
    is_refused '.linux.uidMappings = [{containerID: 0, size: 1}] | .linux.namespaces += [{type: "user"}]' /linux/uidMappings/0
    is_refused '.linux.devices = [{path: "/dev/x", major: 1, minor: 1}]' /linux/devices/0
    is_refused '.linux.devices = [{path: "/dev/x", type: "c"}]' /linux/devices/0
    is_refused '.linux.seccomp = {architectures: []}' /linux/seccomp
    is_refused '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{action: "SCMP_ACT_ALLOW"}]}' /linux/seccomp/syscalls/0
    is_refused '.linux.personality = {}' /linux/personality
    is_refused '.linux.memoryPolicy = {nodes: "0"}' /linux/memoryPolicy
    is_refused '.linux.resources = {hugepageLimits: [{limit: 1}]}' /linux/resources/hugepageLimits/0
    is_refused '.linux.resources = {network: {priorities: [{priority: 1}]}}' /linux/resources/network/priorities/0
    is_refused '.linux.resources = {blockIO: {throttleReadBpsDevice: [{major: 8, minor: 0}]}}' /linux/resources/blockIO/throttleReadBpsDevice/0
}

test_annotations_are_strings_by_non_empty_keys() {
    bundle
    is_refused '.annotations = {"": "x"}' /annotations
    is_refused '.annotations = {a: 1}' /annotations
    is_refused '.annotations = ["a"]' /annotations
}

test_a_device_rule_without_allow_denies() {
    bundle
    config '.linux.devices = [{path: "/dev/lc", type: "c", major: 10, minor: 237}]'
    script ': < /dev/lc && echo opened'
    config '.linux.resources.devices = [{allow: true, access: "rwm"}]'
    runs
    eq "$out" opened "with a rule that allows"
    config '.linux.resources.devices = [{access: "rwm"}]'
    call tare run "$ID"
    has "$err" "not permitted" "with a rule that does not say allow"
}
