"""A user's terminal, and other readers of a runtime's output, for the integration cases.

tty.py act [OPTION...] COMMAND...   run COMMAND as a job on a terminal of its own, copy what it prints, exit with its code. At the end
                                    `[settings kept]` or `[settings changed]` tells how it left the terminal.
    --size ROWSxCOLUMNS   the terminal's size
    --background          the terminal belongs to another job
    --on WORD ACTION      when WORD has been printed (each WORD after the one before), do ACTION:
    --when FILE ACTION    when FILE exists, do ACTION:
                          resize:ROWSxCOLUMNS | kill:SIGNAL | send:TEXT | show (prints [raw] or [cooked]) | cook (as a shell does) | wait
tty.py runs COUNT TEXT COMMAND...   run COMMAND on a terminal COUNT times: each must print exactly TEXT, end with 0 and keep the settings
tty.py sink KIND [--after FILE] COMMAND...   COMMAND writes to a pipe | full (a pipe that does not wait) | socket | tty that is read slowly, from
                                    half a second on or when FILE exists; copy it
"""
import errno, fcntl, os, select, signal, socket, struct, subprocess, sys, termios, time


def text(argument):
    return argument.encode().decode("unicode_escape").encode()


def set_size(terminal, size):
    rows, columns = size.split("x")
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


def start(command, slave, background=False):
    """COMMAND as the leader of a process group on the terminal, the terminal's session being led by a process in between, as by a shell."""
    read, write = os.pipe()
    shell = os.fork()
    if shell == 0:
        os.close(read)
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            if not background:
                os.tcsetpgrp(slave, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.write(write, str(os.getpid()).encode())
            for fd in (0, 1, 2):
                os.dup2(slave, fd)
            os.close(slave)
            os.closerange(3, 64)
            os.execvp(command[0], command)
        os.close(write)
        _, status = os.waitpid(job, 0)
        os._exit(os.waitstatus_to_exitcode(status) % 256)
    os.close(write)
    pid = int(os.read(read, 16))
    os.close(read)
    return shell, pid


def say(word):
    sys.stdout.write(f"[{word}]\n")
    sys.stdout.flush()


def act(args):
    on, when, size, background = [], [], None, False
    while args[0].startswith("--"):
        option = args.pop(0)
        if option == "--size":
            size = args.pop(0)
        elif option == "--background":
            background = True
        else:
            (on if option == "--on" else when).append((args.pop(0), args.pop(0)))
    master, slave = os.openpty()
    if size:
        set_size(slave, size)
    before = termios.tcgetattr(slave)
    shell, pid = start(args, slave, background)

    def do(action):
        verb, _, value = action.partition(":")
        if verb == "resize":
            set_size(master, value)
        elif verb == "kill":
            os.kill(pid, getattr(signal, "SIG" + value))
        elif verb == "send":
            os.write(master, text(value))
        elif verb == "show":
            say("cooked" if termios.tcgetattr(slave)[3] & termios.ICANON else "raw")
        elif verb == "cook":
            termios.tcsetattr(slave, termios.TCSANOW, before)
        elif verb == "wait":
            time.sleep(0.3)

    seen, code = b"", None
    while True:
        if select.select([master], [], [], 0.02)[0]:
            data = os.read(master, 65536)
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
            seen += data
        elif code is not None:
            break
        while on and on[0][0].encode() in seen:
            seen = seen.split(on[0][0].encode(), 1)[1] if len(on) > 1 and on[1][0] != on[0][0] else seen
            do(on.pop(0)[1])
        while when and os.path.exists(when[0][0]):
            do(when.pop(0)[1])
        if code is None:
            ended, status = os.waitpid(shell, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
    say("settings kept" if termios.tcgetattr(slave) == before else "settings changed")
    sys.exit(code)


def runs(args):
    count, expected, command = int(args[0]), text(args[1]), args[2:]
    begin = time.monotonic()
    for number in range(count):
        master, slave = os.openpty()
        before = termios.tcgetattr(slave)
        shell, _ = start(command, slave)
        seen, code = b"", None
        while True:
            if select.select([master], [], [], 0 if code is not None else 0.01)[0]:
                seen += os.read(master, 65536)
            elif code is not None:
                break
            else:
                ended, status = os.waitpid(shell, os.WNOHANG)
                code = os.waitstatus_to_exitcode(status) if ended else None
        kept = termios.tcgetattr(slave) == before
        os.close(master)
        os.close(slave)
        if (seen, code, kept) != (expected, 0, True):
            sys.exit(f"run {number}: printed {seen!r}, exit code {code}, settings kept: {kept}")
    print(f"{count} runs, {(time.monotonic() - begin) * 1000 / count:.1f} ms each")


def sink(args):
    kind, command, after = args[0], args[1:], None
    if command[0] == "--after":
        after, command = command[1], command[2:]
    if kind == "socket":
        ours, theirs = (end.detach() for end in socket.socketpair())
    elif kind == "tty":
        ours, theirs = os.openpty()
        settings = termios.tcgetattr(theirs)
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(theirs, termios.TCSANOW, settings)
    else:
        ours, theirs = os.pipe()
        os.set_blocking(theirs, kind != "full")
        fcntl.fcntl(theirs, 1031, 4096)  # F_SETPIPE_SZ: so that little waits in it
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs)
    os.close(theirs)
    time.sleep(0.5)
    while after and not os.path.exists(after):
        time.sleep(0.1)
    while True:
        try:
            data = os.read(ours, 3000)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            break
        if not data:
            break
        sys.stdout.buffer.write(data)
        time.sleep(0.0002)
    sys.stdout.flush()
    sys.exit(child.wait())


{"act": act, "runs": runs, "sink": sink}[sys.argv[1]](sys.argv[2:])
