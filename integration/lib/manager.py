"""A service manager (sd_notify(3)), for the integration cases: manager.py SOCKET [SECONDS [SECONDS-EACH]]

Listens at SOCKET (a path, or @NAME for an abstract one) and prints each message as one line of JSON. Descriptors that come with one
are held for SECONDS (default 0), as by a manager that is slow to work off a barrier; any other takes SECONDS-EACH (default 0).
"""
import json, os, socket, sys, time

address = sys.argv[1]
hold_s, each_s = (float(argument) for argument in (sys.argv[2:] + ["0", "0"])[:2])
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("\0" + address[1:] if address.startswith("@") else address)
print("listening", file=sys.stderr, flush=True)
while True:
    message, fds, _, _ = socket.recv_fds(server, 8192, 8)
    time.sleep(hold_s if fds else each_s)
    for fd in fds:
        os.close(fd)
    print(json.dumps({"text": message.decode(), "fds": len(fds)}), flush=True)
