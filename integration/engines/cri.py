#!/usr/bin/env python3
"""cri.py COMMAND...: a client of Kubernetes' Container Runtime Interface for the cases of cri.sh.

cri.py serve           connects to containerd and answers the other calls on $CRI_SOCKET (a start of Python with gRPC takes half a second)
cri.py METHOD [JSON [FIELD]]     calls a method of RuntimeService or ImageService; prints the answer as JSON, or one field of it (status.state)
cri.py pod NAME [JSON]           runs a pod of this name; JSON is laid over the usual configuration; prints its id
cri.py container POD NAME [JSON] creates a container in a pod of `pod`; prints its id
cri.py exec ID TIMEOUT_S COMMAND...  ExecSync: its output, its exit code
cri.py stream ID tty|plain COMMAND...  Exec, as `kubectl exec -i`: one line of our standard input goes there by WebSocket; its output, its exit code

Called by cases/cri.sh. An error of gRPC is one line `CODE: details` on stderr, exit code 125. The Python modules of the
messages are in $IMAGES/cri. It must not know which runtime is tested.
"""

import base64
import json
import os
import socket
import sys

CONTAINERD = "unix:///run/containerd/containerd.sock"
HANDLER = "tested"
LIMIT_S = 60


# The side that calls: no module that takes long to load.

def ask(method, request):
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.environ["CRI_SOCKET"])
        server.sendall(json.dumps([method, request]).encode() + b"\n")
        answer = json.loads(server.makefile("rb").readline())
    if "error" in answer:
        print(answer["error"], file=sys.stderr)
        sys.exit(125)
    return answer["response"]


def laid_over(base, patch):
    """Objects are merged, everything else is replaced."""
    if not (isinstance(base, dict) and isinstance(patch, dict)):
        return patch
    return base | {key: laid_over(base.get(key), value) for key, value in patch.items()}


def configuration_of(pod):
    return os.path.join(os.environ["T"], "pod-" + pod)


def run_pod(name, patch="{}"):
    config = laid_over({
        "metadata": {"name": name, "uid": "uid-" + name, "namespace": "default"},
        "log_directory": os.path.join(os.environ["T"], "logs"),
        "linux": {"cgroup_parent": "/pods.slice" if os.environ["MANAGER"] == "systemd" else "/pods", "security_context": {"namespace_options": {"network": "NODE", "pid": "CONTAINER"}}},
    }, json.loads(patch))
    pod = ask("RunPodSandbox", {"config": config, "runtime_handler": HANDLER})["pod_sandbox_id"]
    with open(configuration_of(pod), "w") as file:
        json.dump(config, file)
    print(pod)


def create_container(pod, name, patch="{}"):
    with open(configuration_of(pod)) as file:
        sandbox = json.load(file)
    # What the kubelet says for every container.
    security = {"namespace_options": sandbox["linux"]["security_context"]["namespace_options"]}
    config = laid_over({
        "metadata": {"name": name},
        "image": {"image": "localhost/box:1"},
        "command": ["sleep", "100000"],
        "log_path": name + ".log",
        "linux": {"security_context": security, "resources": {}},
    }, json.loads(patch))
    request = {"pod_sandbox_id": pod, "config": config, "sandbox_config": sandbox}
    print(ask("CreateContainer", request)["container_id"])


def exec_sync(container, timeout_s, *command):
    answer = ask("ExecSync", {"container_id": container, "cmd": command, "timeout": int(timeout_s)})
    sys.stdout.buffer.write(base64.b64decode(answer.get("stdout", "")))
    sys.stderr.buffer.write(base64.b64decode(answer.get("stderr", "")))
    sys.exit(answer.get("exit_code", 0))


# The channels of a stream, the first byte of each message.
STDIN, STDOUT, STDERR, OUTCOME, SIZE = range(5)


def stream(container, kind, *command):
    tty = kind == "tty"
    url = ask("Exec", {"container_id": container, "cmd": command, "tty": tty, "stdin": True, "stdout": True, "stderr": not tty})["url"]
    address, path = url.removeprefix("http://").split("/", 1)
    host, port = address.rsplit(":", 1)
    server = socket.create_connection((host.strip("[]"), int(port)))
    server.sendall(f"GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n".encode())
    answer = server.makefile("rb")
    status = answer.readline().decode().strip()
    if " 101 " not in status:
        sys.exit(status)
    while answer.readline().strip():
        pass
    if tty:
        send_message(server, SIZE, b'{"Width": 77, "Height": 33}')
    send_message(server, STDIN, sys.stdin.readline().encode())
    for channel, data in messages(answer):
        if channel == OUTCOME:
            outcome = json.loads(data)
            if outcome["status"] == "Success":
                return
            causes = outcome.get("details", {}).get("causes", [])
            codes = [int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"]
            if not codes:
                print(outcome["message"], file=sys.stderr)
            sys.exit(codes[0] if codes else 125)
        (sys.stderr if channel == STDERR else sys.stdout).buffer.write(data)
    sys.exit("the stream ended without an outcome")


def send_message(server, channel, data):
    """A binary frame of RFC 6455 with a mask of zeroes; all of ours are short."""
    payload = bytes([channel]) + data
    server.sendall(bytes([0x82, 0x80 | len(payload)]) + bytes(4) + payload)


def messages(answer):
    while head := answer.read(2):
        length = head[1] & 0x7F
        if length >= 126:
            length = int.from_bytes(answer.read(2 if length == 126 else 8))
        payload = answer.read(length)
        if head[0] & 0x0F == 8:
            return
        if payload:
            yield payload[0], payload[1:]


def call(method, request="{}", field=None):
    answer = ask(method, json.loads(request))
    for name in field.split(".") if field else []:
        answer = answer[int(name)] if isinstance(answer, list) else answer.get(name, "")
    print(answer if isinstance(answer, (str, int)) else json.dumps(answer))


# The side that answers.

def serve():
    import inspect
    import socketserver
    sys.path.insert(0, os.path.join(os.environ["IMAGES"], "cri"))
    import api_pb2
    import api_pb2_grpc
    import grpc
    from google.protobuf import json_format

    channel = grpc.insecure_channel(CONTAINERD)
    stubs = [api_pb2_grpc.RuntimeServiceStub(channel), api_pb2_grpc.ImageServiceStub(channel)]
    services = [api_pb2.DESCRIPTOR.services_by_name[name] for name in ("RuntimeService", "ImageService")]

    # Zeroes and empty texts too: protobuf has given this another name in version 26.
    names = inspect.signature(json_format.MessageToDict).parameters
    whole = {name: True for name in names if name in ("including_default_value_fields", "always_print_fields_with_no_presence")}

    def answer(method, request):
        for stub, service in zip(stubs, services):
            if method not in service.methods_by_name:
                continue
            message = getattr(api_pb2, service.methods_by_name[method].input_type.name)()
            json_format.ParseDict(request, message)
            try:
                response = getattr(stub, method)(message, timeout=LIMIT_S * int(os.environ["SLOWNESS"]), wait_for_ready=True)
            except grpc.RpcError as error:
                return {"error": f"{error.code().name}: {error.details()}"}
            return {"response": json_format.MessageToDict(response, preserving_proto_field_name=True, **whole)}
        return {"error": f"no method {method}"}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline()
            if not line:
                return
            try:
                said = answer(*json.loads(line))
            except Exception as error:  # the caller's case fails, not the server
                said = {"error": f"cri.py: {error}"}
            self.wfile.write(json.dumps(said).encode() + b"\n")

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True
        request_queue_size = 128

    Server(os.environ["CRI_SOCKET"], Handler).serve_forever()


def main(command="", *rest):
    if not command:
        sys.exit(__doc__)
    commands = {"serve": serve, "pod": run_pod, "container": create_container, "exec": exec_sync, "stream": stream}
    if command in commands:
        commands[command](*rest)
    else:
        call(command, *rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
