"""Receivers of descriptors, for the integration cases.

agent.py console SOCKET [--send TEXT]   accept one pty master; copy what it prints to stdout until it hangs up
agent.py fds SOCKET                     accept one message; print payload and descriptors as JSON
agent.py notify SOCKET RULE...          a seccomp agent: print the state as JSON, then answer calls; RULE is NR=ERRNO, NR=continue, NR=value:V or NR=silence
agent.py pass FD-COUNT COMMAND...       start COMMAND with open descriptors 3.. (each a file that holds its own number)
agent.py tty [--size ROWSxCOLS] [--send TEXT] COMMAND...   run COMMAND on a pty of its own; copy what it prints; exit with its code
"""
import fcntl, json, os, select, socket, struct, sys, termios, time


def receive(path):
    """One message from the first client: payload and descriptors."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    os.chmod(path, 0o666)  # the runtime may be another user's
    server.listen(1)
    print("listening", file=sys.stderr, flush=True)
    client, _ = server.accept()
    payload, fds, _, _ = socket.recv_fds(client, 4096, 8)
    return payload, fds, client


def copy_terminal(master, send=b""):
    """Copies until the other side hangs up; sends what there is to send after the first output or 300 ms."""
    sent_at = time.monotonic() + 0.3
    while True:
        ready, _, _ = select.select([master], [], [], 0.1)
        if ready:
            try:
                data = os.read(master, 65536)
            except OSError:
                return
            if not data:
                return
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
            sent_at = min(sent_at, time.monotonic() + 0.05)
        if send and time.monotonic() >= sent_at:
            os.write(master, send)
            send = b""


def option(args, name):
    if name in args:
        at = args.index(name)
        value = args[at + 1]
        del args[at : at + 2]
        return value.encode().decode("unicode_escape").encode()
    return b""


def main():
    command, args = sys.argv[1], sys.argv[2:]
    if command == "console":
        send = option(args, "--send")
        payload, fds, _ = receive(args[0])
        assert len(fds) == 1 and payload, (payload, fds)
        assert os.isatty(fds[0]), "not a terminal"
        copy_terminal(fds[0], send)
    elif command == "fds":
        payload, fds, _ = receive(args[0])
        infos = [{"link": os.readlink(f"/proc/self/fd/{fd}"), "info": open(f"/proc/self/fdinfo/{fd}").read()} for fd in fds]
        print(json.dumps({"payload": payload.decode(), "fds": infos}))
    elif command == "notify":
        payload, fds, client = receive(args[0])
        print(json.dumps({"state": json.loads(payload), "fds": len(fds)}), flush=True)
        rules = dict(rule.split("=") for rule in args[1:])
        answer(fds[0], {int(nr): what for nr, what in rules.items()})
    elif command == "pass":
        for fd in range(3, 3 + int(args[0])):
            source = os.memfd_create("passed", 0)
            os.write(source, f"{fd}\n".encode())
            os.lseek(source, 0, os.SEEK_SET)
            if source != fd:
                os.dup2(source, fd)
                os.close(source)
            os.set_inheritable(fd, True)
        os.execvp(args[1], args[1:])
    elif command == "tty":
        run_on_terminal(args)


def answer(listener, rules):
    """Answers each notified call by its rule until the filter's last process is gone."""
    RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        events = poll.poll(5000)
        if not events or events[0][1] & select.POLLHUP:
            return
        request = bytearray(80)
        try:
            fcntl.ioctl(listener, RECEIVE, request)
        except OSError:
            continue
        call_id, pid, _, nr = struct.unpack_from("=QIIi", request)
        print(json.dumps({"nr": nr}), flush=True)
        rule = rules.get(nr, "continue")
        if rule == "silence":
            continue
        if rule == "continue":
            response = struct.pack("=QqiI", call_id, 0, 0, CONTINUE)
        elif rule.startswith("value:"):
            response = struct.pack("=QqiI", call_id, int(rule[6:]), 0, 0)
        else:
            response = struct.pack("=QqiI", call_id, 0, -int(rule), 0)
        try:
            fcntl.ioctl(listener, SEND, bytearray(response))
        except OSError:
            pass


def run_on_terminal(args):
    send, size = option(args, "--send"), option(args, "--size")
    master, slave = os.openpty()
    if size:
        rows, columns = size.decode().split("x")
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))
    pid = os.fork()
    if pid == 0:
        os.close(master)
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        os.close(slave)
        os.execvp(args[0], args)
    os.close(slave)
    copy_terminal(master, send)
    _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


main()
