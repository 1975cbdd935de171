/* probe COMMAND ARG...: what a shell cannot ask the kernel. Static, so that it runs in any rootfs. Used by the integration cases. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const struct { const char *name; long nr; } calls[] = {
    {"getpid", SYS_getpid}, {"getppid", SYS_getppid}, {"getuid", SYS_getuid}, {"geteuid", SYS_geteuid}, {"mkdir", SYS_mkdir},
    {"chmod", SYS_chmod}, {"personality", SYS_personality}, {"socket", SYS_socket}, {"unshare", SYS_unshare}, {"setns", SYS_setns},
    {"mount", SYS_mount}, {"umount2", SYS_umount2}, {"keyctl", SYS_keyctl}, {"ptrace", SYS_ptrace}, {"bpf", SYS_bpf}, {"umask", SYS_umask},
    {"clone3", SYS_clone3}, {"openat2", SYS_openat2}, {"sethostname", SYS_sethostname}, {"kill", SYS_kill}, {"getpriority", SYS_getpriority},
    {"dup", SYS_dup}, {"dup3", SYS_dup3}, {"setuid", SYS_setuid}, {"ioprio_get", SYS_ioprio_get}, {"getpgid", SYS_getpgid}, {"sync", SYS_sync},
    {"uname", SYS_uname}, {"fchmodat2", 452}, {"listmount", 458}, {"swapon", SYS_swapon}, {"reboot", SYS_reboot}, {"prctl", SYS_prctl},
};

static int say_errno(long r) { if (r == -1) printf("-1 %s\n", strerrorname_np(errno)); else printf("%ld\n", r); fflush(stdout); return r == -1; }

static int do_syscall(char **a)
{
    long nr = -1, v[6] = {0};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) if (!strcmp(a[0], calls[i].name)) nr = calls[i].nr;
    if (nr == -1) nr = strtol(a[0], NULL, 0);
    for (int i = 0; i < 6 && a[1 + i]; i++) {
        char *end;
        v[i] = (long)strtoull(a[1 + i], &end, 0);
        if (*end) v[i] = (long)a[1 + i];
    }
    errno = 0;
    return say_errno(syscall(nr, v[0], v[1], v[2], v[3], v[4], v[5]));
}

static int do_fds(void) /* one line for each open descriptor from 3 on */
{
    for (int fd = 3; fd < 4096; fd++) {
        char link[64], target[4096] = "?";
        if (fcntl(fd, F_GETFD) == -1) continue;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, target, sizeof target - 1);
        if (n > 0) target[n] = 0;
        printf("%d %s\n", fd, target);
    }
    return 0;
}

struct attr { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; uint32_t min, max; };
static int do_sched(void)
{
    struct attr a = {.size = sizeof a};
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0)) return say_errno(-1);
    printf("policy=%u flags=%llu nice=%d priority=%u runtime=%llu deadline=%llu period=%llu\n", a.policy, (unsigned long long)a.flags, a.nice,
           a.priority, (unsigned long long)a.runtime, (unsigned long long)a.deadline, (unsigned long long)a.period);
    return 0;
}

static int do_mempolicy(void)
{
    int mode = -1; unsigned long mask[64] = {0};
    if (syscall(SYS_get_mempolicy, &mode, mask, sizeof mask * 8, 0, 0)) return say_errno(-1);
    printf("mode=%#x nodes=%#lx\n", mode, mask[0]);
    return 0;
}

static int do_keyring(void) /* the name of the session keyring */
{
    char text[512] = "";
    long r = syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof text - 1);
    if (r < 0) return say_errno(-1);
    puts(text);
    return 0;
}

static int do_serial(void) /* the number of the session keyring */
{
    return say_errno(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
}

static int do_in_keyring(char **a) /* COMMAND in the session keyring NAME, which is made if there is none that can be searched */
{
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, a[0]) < 0) return say_errno(-1);
    execvp(a[1], a + 1);
    return perror(a[1]), 127;
}

static int do_use_up_keys(void) /* holds as many keys as this user may have */
{
    char name[32];
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    for (int i = 0; i < 1 << 20; i++) {
        snprintf(name, sizeof name, "key%d", i);
        if (syscall(SYS_add_key, "user", name, "x", 1, KEY_SPEC_SESSION_KEYRING) >= 0) continue;
        if (errno != EDQUOT) return say_errno(-1);
        puts("used up");
        fflush(stdout);
        return pause();
    }
    return 1;
}

static int do_notify(char **a) /* sends TEXT to $NOTIFY_SOCKET, and with `fd` the descriptor 0, too */
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char room[CMSG_SPACE(sizeof(int))] = "";
    struct iovec data = {a[0], strlen(a[0])};
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &data, .msg_iovlen = 1};
    if (!path) return puts("NOTIFY_SOCKET is not set"), 1;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (a[1]) {
        message.msg_control = room, message.msg_controllen = sizeof room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    }
    return sendmsg(socket(AF_UNIX, SOCK_DGRAM, 0), &message, 0) < 0 ? say_errno(-1) : 0;
}

static pid_t child_of(pid_t parent) /* any child; 0: there is none */
{
    DIR *proc = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *e; proc && !found && (e = readdir(proc));) {
        char name[64], text[512] = "", *end;
        if (*e->d_name < '1' || *e->d_name > '9') continue;
        snprintf(name, sizeof name, "/proc/%.32s/stat", e->d_name);
        int fd = open(name, O_RDONLY);
        if (fd < 0) continue;
        if (read(fd, text, sizeof text - 1) > 0 && (end = strrchr(text, ')')) && atoi(end + 4) == parent) found = atoi(e->d_name);
        close(fd);
    }
    if (proc) closedir(proc);
    return found;
}

static volatile sig_atomic_t asked_to_end;
static void on_term(int signal) { asked_to_end = signal; }

static int do_reaper(char **a) /* COMMAND, and the end of all that is below it when it has ended, or when we are asked to end */
{
    int status = 0;
    pid_t child, one;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_term}, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    child = fork();
    if (!child) return execvp(a[0], a), perror(a[0]), 127;
    while (!asked_to_end && (one = wait(&status)) != child) if (one < 0 && errno == ECHILD) break;
    while ((one = child_of(getpid()))) {
        kill(one, SIGKILL);
        waitpid(one, NULL, 0);
    }
    return asked_to_end ? 137 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int do_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return say_errno(-1);
    for (int i = 0; i < CPU_SETSIZE; i++) if (CPU_ISSET(i, &set)) printf("%d ", i);
    puts("");
    return 0;
}

static int do_tiocsti(void) { char c = 'x'; return say_errno(ioctl(0, TIOCSTI, &c)); }
static int do_status(void) /* the status of this very program, whose file may raise capabilities */
{
    char b[8192]; int fd = open("/proc/self/status", O_RDONLY); ssize_t n;
    while (fd >= 0 && (n = read(fd, b, sizeof b)) > 0) fwrite(b, 1, n, stdout);
    return fd < 0;
}
static int do_winsize(void)
{
    struct winsize w;
    if (ioctl(0, TIOCGWINSZ, &w)) return say_errno(-1);
    printf("%d rows %d columns\n", w.ws_row, w.ws_col);
    return 0;
}

static int __attribute__((noreturn)) do_exchange(char **a) /* swaps two paths for ever: a racing writer of a shared volume */
{
    for (;;) syscall(SYS_renameat2, AT_FDCWD, a[0], AT_FDCWD, a[1], 2 /* RENAME_EXCHANGE */);
}

static int do_without(char **a) /* without CALL COMMAND...: CALL gives ENOSYS in COMMAND and everything below it */
{
    long nr = -1;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) if (!strcmp(a[0], calls[i].name)) nr = calls[i].nr;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (nr == -1 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) return perror("seccomp"), 1;
    execvp(a[1], a + 1);
    return perror(a[1]), 127;
}

static int do_dirty(char **a) /* MASK COMMAND: a caller with odd signal settings and the umask MASK, then COMMAND */
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int s = 1; s < 32; s++) if (s != SIGCHLD && s != SIGKILL && s != SIGSTOP) signal(s, SIG_IGN);
    umask(strtol(a[0], NULL, 8));
    execvp(a[1], a + 1);
    return perror(a[1]), 127;
}

static int do_memory(char **a) /* touches N MiB */
{
    size_t n = strtoul(a[0], NULL, 0) << 20;
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return say_errno(-1);
    for (size_t i = 0; i < n; i += 4096) p[i] = 1;
    puts("touched");
    return 0;
}

static int do_forks(char **a) /* how many of N children can be alive at once */
{
    int n = atoi(a[0]), made = 0;
    for (int i = 0; i < n; i++) {
        pid_t p = fork();
        if (p == 0) { pause(); _exit(0); }
        if (p < 0) break;
        made++;
    }
    printf("%d\n", made);
    fflush(stdout);
    signal(SIGTERM, SIG_IGN);
    kill(-1, SIGKILL);
    return 0;
}

static int do_spy(char **a) /* for SECONDS: which processes called NAME are seen in /proc, and how often one of them could be looked into */
{
    long seen = 0, opened = 0;
    time_t end = time(NULL) + atoi(a[0]);
    while (time(NULL) < end) {
        DIR *proc = opendir("/proc");
        struct dirent *entry;
        while (proc && (entry = readdir(proc))) {
            static const char *const inner[] = {"exe", "cwd", "root", "mem", "environ", "fd/0"};
            char path[300], comm[32] = "";
            snprintf(path, sizeof path, "/proc/%.20s/comm", entry->d_name);
            int fd = open(path, O_RDONLY);
            if (fd < 0) continue;
            ssize_t n = read(fd, comm, sizeof comm - 1);
            close(fd);
            if (n <= 0 || strcspn(comm, "\n") != strlen(a[1]) || strncmp(comm, a[1], strlen(a[1]))) continue;
            seen++;
            for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
                snprintf(path, sizeof path, "/proc/%.20s/%s", entry->d_name, inner[i]);
                fd = open(path, O_RDONLY | O_NONBLOCK);
                if (fd >= 0) { opened++; close(fd); }
            }
            if (syscall(SYS_ptrace, 0x4206 /* PTRACE_SEIZE */, atoi(entry->d_name), 0, 0) == 0) opened++;
        }
        if (proc) closedir(proc);
    }
    printf("seen %s opened %ld\n", seen ? "some" : "none", opened);
    return 0;
}

static int do_cwd(void) { char b[8192]; long r = syscall(SYS_getcwd, b, sizeof b); if (r < 0) return say_errno(-1); puts(b); return 0; }
static int do_open(char **a) /* open FILE for reading and writing */
{
    int fd = open(a[0], (a[1] && strchr(a[1], 'w') ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? say_errno(-1) : (puts("opened"), 0);
}
static int do_wait_signal(void) /* prints the number of the first signal that arrives */
{
    sigset_t all; int s;
    sigfillset(&all); sigprocmask(SIG_SETMASK, &all, NULL);
    puts("ready"); fflush(stdout);
    sigwait(&all, &s);
    printf("signal %d\n", s);
    return 0;
}
static int do_seals(char **a)
{
    int fd = open(a[0], O_RDONLY);
    if (fd < 0) return say_errno(-1);
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0) return say_errno(-1);
    printf("%s%s%s%s\n", seals & F_SEAL_SEAL ? "seal " : "", seals & F_SEAL_SHRINK ? "shrink " : "", seals & F_SEAL_GROW ? "grow " : "", seals & F_SEAL_WRITE ? "write" : "");
    return 0;
}

static int do_hung(char **a) /* a process that waits for a FUSE server that never answers: it cannot be frozen by cgroup v2 */
{
    int fuse = open("/dev/fuse", O_RDWR);
    char options[100];
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    if (fuse < 0 || mount("fuse", a[0], "fuse", 0, options)) return perror("mount fuse"), 1;
    puts("hung");
    fflush(stdout);
    struct stat st;
    stat(a[0], &st);
    return puts("answered"), 1;
}

static int write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    return fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) ? perror(path), 1 : 0;
}

static int do_nest(char **a) /* goes into namespaces of its own, where it is root; says whether DIR can be made writable there */
{
    char uids[40], gids[40], file[4096];
    struct stat st;
    snprintf(uids, sizeof uids, "0 %d 1", getuid());
    snprintf(gids, sizeof gids, "0 %d 1", getgid());
    snprintf(file, sizeof file, "%s/file", a[0]);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) return perror("unshare"), 1;
    if (write_to("/proc/self/setgroups", "deny") || write_to("/proc/self/uid_map", uids) || write_to("/proc/self/gid_map", gids)) return 1;
    puts("nested");
    fflush(stdout);
    while (stat(file, &st)) usleep(50000);
    puts(mount("none", a[0], NULL, MS_REMOUNT | MS_BIND, NULL) ? "locked" : "writable");
    fflush(stdout);
    return pause();
}

static int do_chroot(char **a) /* stays in another root */
{
    if (chroot(a[0]) || chdir("/")) return perror("chroot"), 1;
    puts("elsewhere");
    fflush(stdout);
    return pause();
}

int main(int argc, char **argv)
{
    char *c = argc > 1 ? argv[1] : "", **a = argv + 2;
    if (!strcmp(c, "syscall") && argc > 2) return do_syscall(a);
    if (!strcmp(c, "fds")) return do_fds();
    if (!strcmp(c, "sched")) return do_sched();
    if (!strcmp(c, "mempolicy")) return do_mempolicy();
    if (!strcmp(c, "keyring")) return do_keyring();
    if (!strcmp(c, "serial")) return do_serial();
    if (!strcmp(c, "in-keyring") && argc > 3) return do_in_keyring(a);
    if (!strcmp(c, "use-up-keys")) return do_use_up_keys();
    if (!strcmp(c, "notify") && argc > 2) return do_notify(a);
    if (!strcmp(c, "reaper") && argc > 2) return do_reaper(a);
    if (!strcmp(c, "affinity")) return do_affinity();
    if (!strcmp(c, "status")) return do_status();
    if (!strcmp(c, "tiocsti")) return do_tiocsti();
    if (!strcmp(c, "winsize")) return do_winsize();
    if (!strcmp(c, "exchange") && argc == 4) return do_exchange(a);
    if (!strcmp(c, "without") && argc > 3) return do_without(a);
    if (!strcmp(c, "dirty") && argc > 3) return do_dirty(a);
    if (!strcmp(c, "memory") && argc > 2) return do_memory(a);
    if (!strcmp(c, "forks") && argc > 2) return do_forks(a);
    if (!strcmp(c, "hung") && argc > 2) return do_hung(a);
    if (!strcmp(c, "nest") && argc > 2) return do_nest(a);
    if (!strcmp(c, "chroot") && argc > 2) return do_chroot(a);
    if (!strcmp(c, "spy") && argc > 3) return do_spy(a);
    if (!strcmp(c, "cwd")) return do_cwd();
    if (!strcmp(c, "open") && argc > 2) return do_open(a);
    if (!strcmp(c, "wait-signal")) return do_wait_signal();
    if (!strcmp(c, "seals") && argc > 2) return do_seals(a);
    if (!strcmp(c, "personality")) return printf("%#x\n", personality(0xffffffff)), 0;
    if (!strcmp(c, "ioprio")) { long r = syscall(SYS_ioprio_get, 1, 0); return printf("class=%ld level=%ld\n", r >> 13, r & 0x1fff), 0; }
    if (!strcmp(c, "dumpable")) return printf("%d\n", prctl(PR_GET_DUMPABLE)), 0;
    if (!strcmp(c, "securebits")) return printf("%#x\n", prctl(PR_GET_SECUREBITS)), 0;
    if (!strcmp(c, "args")) { for (int i = 2; i < argc; i++) printf("[%s]", argv[i]); puts(""); return 0; }
    fprintf(stderr, "probe: unknown command %s\n", c);
    return 2;
}
