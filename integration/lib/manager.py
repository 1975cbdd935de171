"""A service manager (sd_notify(3)), for the integration cases: manager.py SOCKET [SECONDS]

Listens at SOCKET (a path, or @NAME for an abstract one) and prints each message as one line of JSON. Descriptors that come with one
are held for SECONDS (default 0), as by a manager that is slow to work off a barrier.
"""
import json, os, socket, sys, time

address = sys.argv[1]
hold_s = float(sys.argv[2]) if len(sys.argv) > 2 else 0
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("\0" + address[1:] if address.startswith("@") else address)
print("listening", file=sys.stderr, flush=True)
while True:
    message, fds, _, _ = socket.recv_fds(server, 8192, 8)
    if fds:
        time.sleep(hold_s)
    for fd in fds:
        os.close(fd)
    print(json.dumps({"text": message.decode(), "fds": len(fds)}), flush=True)
