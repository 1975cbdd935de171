/* floor.c: the floor that scripts/bench measures runtimes against: the bare system calls for the container of bench/bundle.py.
 *
 * It is no runtime. It checks nothing: not the paths in the root filesystem, not the configuration, not who calls it; it undoes
 * nothing, locks nothing and knows one container only. What a runtime needs on top of this is the price of being right.
 * Called by bench/subjects.py. Never run it on a root filesystem that you do not trust.
 *
 *   floor run    GROUPS ROOTFS FILTER MEMORY_BYTES PROGRAM [ARG]...
 *   floor create GROUPS ROOTFS FILTER MEMORY_BYTES STATE PROGRAM [ARG]...
 *   floor start  STATE                        floor state  STATE
 *   floor exec   STATE FILTER PROGRAM [ARG]...
 *   floor kill   STATE SIGNAL                 floor delete STATE
 *   floor nothing
 *
 * GROUPS is the container's own cgroup of each hierarchy: `memory=/sys/fs/cgroup/memory/x:cpu,cpuacct=/sys/...`, or
 * `unified=/sys/fs/cgroup/x`. FILTER is a file of struct sock_filter, or `-`. STATE is a folder that create makes and delete removes.
 * Builds with musl and glibc, without kernel headers: what musl does not know is spelled out here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS)
#define GROUPS_MAX 16
#define CAPABILITY_LAST 40
/* The fourteen of Docker: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD
 * AUDIT_WRITE SETFCAP. */
#define CAPABILITIES 0xa80425fbULL

struct clone_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
struct filter_program {
    unsigned short length;
    void *instructions;
};
struct group {
    char *controllers, *path;
};

static struct group groups[GROUPS_MAX];
static int group_count;
static int tasks_fds[GROUPS_MAX];
static char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/", NULL};

static void die(const char *doing) {
    perror(doing);
    _exit(125);
}
static void must(long result, const char *doing) {
    if (result < 0) die(doing);
}

/* ---- cgroups ---- */

static void read_groups(char *text) {
    for (char *word = strtok(text, ":"); word && group_count < GROUPS_MAX; word = strtok(NULL, ":")) {
        char *equals = strrchr(word, '='); /* the controllers may be `name=systemd` */
        if (!equals) die("GROUPS");
        *equals = 0;
        groups[group_count++] = (struct group){word, equals + 1};
    }
}
static int is_unified(void) {
    return strcmp(groups[0].controllers, "unified") == 0;
}
static int group_fd;
static void put(const char *file, const char *text) {
    int fd = openat(group_fd, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) die(file);
    close(fd);
}
/* cpuset of v1: a new group takes no process before it has processors and memory nodes. */
static void inherit(const char *file) {
    char text[4096], path[64];
    snprintf(path, sizeof path, "../%s", file);
    int fd = openat(group_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, text, sizeof text - 1);
    if (length <= 0) die(path);
    text[length] = 0;
    close(fd);
    put(file, text);
}
static void limit_devices_v1(void) {
    static const char *const rules[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
                                        "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"};
    put("devices.deny", "a");
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) put("devices.allow", rules[i]);
}
/* cgroup v2 takes a program. This one allows everything: the calls are those of a runtime, the rules are not. */
static void limit_devices_v2(void) {
    struct { uint8_t code, registers; int16_t offset; int32_t value; } allow[] = {{0xb7, 0, 0, 1}, {0x95, 0, 0, 0}};
    struct { uint32_t type, count; uint64_t instructions, license, rest[12]; } load = {15, 2, (uintptr_t)allow, (uintptr_t) "GPL", {0}};
    long program = syscall(SYS_bpf, 5, &load, sizeof load);
    must(program, "bpf: BPF_PROG_LOAD");
    struct { uint32_t target, program, type, flags; } attach = {(uint32_t)group_fd, (uint32_t)program, 6, 2};
    must(syscall(SYS_bpf, 8, &attach, sizeof attach), "bpf: BPF_PROG_ATTACH");
    close((int)program);
}
static int has(const struct group *group, const char *controller) {
    size_t length = strlen(controller);
    for (const char *at = group->controllers; (at = strstr(at, controller)); at += length) {
        if ((at == group->controllers || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return 1;
    }
    return 0;
}
static void make_groups(const char *memory_bytes) {
    for (int i = 0; i < group_count; i++) {
        must(mkdir(groups[i].path, 0755), groups[i].path);
        int has_limits = is_unified() || has(&groups[i], "memory") || has(&groups[i], "cpu") || has(&groups[i], "pids") ||
                         has(&groups[i], "devices") || has(&groups[i], "cpuset");
        if (!has_limits) continue;
        group_fd = open(groups[i].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (is_unified()) {
            put("memory.max", memory_bytes), put("cpu.weight", "39"), put("cpu.max", "100000 100000"), put("pids.max", "100");
            close(group_fd);
            group_fd = open(groups[i].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* bpf(2) and clone3(2) want no O_PATH */
            limit_devices_v2();
            return; /* stays open for clone3 */
        }
        if (has(&groups[i], "memory")) put("memory.limit_in_bytes", memory_bytes);
        if (has(&groups[i], "cpu"))
            put("cpu.shares", "1024"), put("cpu.cfs_period_us", "100000"), put("cpu.cfs_quota_us", "100000");
        if (has(&groups[i], "pids")) put("pids.max", "100");
        if (has(&groups[i], "devices")) limit_devices_v1();
        if (has(&groups[i], "cpuset")) inherit("cpuset.cpus"), inherit("cpuset.mems");
        close(group_fd);
    }
}
static void open_tasks(void) {
    char path[4096];
    for (int i = 0; i < group_count; i++) {
        snprintf(path, sizeof path, "%s/tasks", groups[i].path);
        must(tasks_fds[i] = open(path, O_WRONLY | O_CLOEXEC), path);
    }
}
/* "0" is the writer itself: it takes no lock of all processes, as a foreign pid does (about 10 ms on an idle host). */
static void join_groups_v1(void) {
    for (int i = 0; i < group_count; i++) must(write(tasks_fds[i], "0", 1), "tasks");
}
static void remove_groups(void) {
    for (int i = 0; i < group_count; i++) {
        for (int tries = 0; rmdir(groups[i].path) < 0; tries++) {
            if (errno != EBUSY || tries == 1000) die(groups[i].path);
            usleep(100);
        }
    }
}

/* ---- the container, from the inside ---- */

static void mount_it(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    must(mount(source, target, type, flags, data), target);
}
static void make_device(const char *name, int minor_number, int major_number) {
    must(mknod(name, S_IFCHR | 0666, makedev(major_number, minor_number)), name);
}
static void fill_dev(void) {
    make_device("dev/null", 3, 1), make_device("dev/zero", 5, 1), make_device("dev/full", 7, 1);
    make_device("dev/random", 8, 1), make_device("dev/urandom", 9, 1), make_device("dev/tty", 0, 5);
    symlink("/proc/self/fd", "dev/fd"), symlink("/proc/self/fd/0", "dev/stdin"), symlink("/proc/self/fd/1", "dev/stdout");
    symlink("/proc/self/fd/2", "dev/stderr"), symlink("/proc/kcore", "dev/core"), symlink("pts/ptmx", "dev/ptmx");
}
static void mount_groups(void) {
    const unsigned long flags = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    char target[4096];
    if (is_unified()) {
        mount_it(groups[0].path, "sys/fs/cgroup", NULL, MS_BIND, NULL);
        mount_it(NULL, "sys/fs/cgroup", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | flags, NULL);
        return;
    }
    mount_it("tmpfs", "sys/fs/cgroup", "tmpfs", flags, "mode=755");
    for (int i = 0; i < group_count; i++) {
        snprintf(target, sizeof target, "sys/fs/cgroup/%s", groups[i].controllers);
        must(mkdir(target, 0755), target);
        mount_it(groups[i].path, target, NULL, MS_BIND, NULL);
        mount_it(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | flags, NULL);
    }
    mount_it(NULL, "sys/fs/cgroup", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | flags, NULL);
}
static void mask(void) {
    static const char *const folders[] = {"proc/asound", "proc/acpi", "proc/scsi", "sys/firmware", "sys/devices/virtual/powercap"};
    static const char *const files[] = {"proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/timer_list",
                                        "proc/timer_stats", "proc/sched_debug"};
    static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++) {
        if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) < 0) continue; /* not on this kernel */
        mount_it(NULL, read_only[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) mount("tmpfs", folders[i], "tmpfs", MS_RDONLY, "size=0");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) mount("dev/null", files[i], NULL, MS_BIND, NULL);
}
static void make_root(const char *rootfs) {
    const unsigned long closed = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    mount_it(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    mount_it(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL);
    must(chdir(rootfs), rootfs);
    mount_it("proc", "proc", "proc", closed, NULL);
    mount_it("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
    must(mkdir("dev/pts", 0755), "dev/pts"), must(mkdir("dev/shm", 01777), "dev/shm"), must(mkdir("dev/mqueue", 01777), "dev/mqueue");
    mount_it("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_it("shm", "dev/shm", "tmpfs", closed, "mode=1777,size=65536k");
    mount_it("mqueue", "dev/mqueue", "mqueue", closed, NULL);
    mount_it("sysfs", "sys", "sysfs", closed | MS_RDONLY, NULL);
    mount_groups();
    fill_dev();
    mask();
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount2");
    must(chdir("/"), "chdir");
}
static void raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
    close(fd);
}
static struct filter_program load_file(const char *path) {
    static char bytes[4096 * 8];
    struct filter_program program = {0, bytes};
    if (strcmp(path, "-") == 0) return program;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, bytes, sizeof bytes);
    if (length <= 0) die(path);
    close(fd);
    program.length = (unsigned short)(length / 8);
    return program;
}
/* The filter comes before the loss of CAP_SYS_ADMIN, as there is no no_new_privs. */
static void lose_rights(struct filter_program *filter) {
    const struct { uint32_t version; int pid; } header = {0x20080522, 0};
    const uint32_t low = (uint32_t)CAPABILITIES;
    const struct { uint32_t effective, permitted, inheritable; } sets[2] = {{low, low, 0}, {0, 0, 0}};
    for (int capability = 0; capability <= CAPABILITY_LAST; capability++) {
        if (!(CAPABILITIES >> capability & 1)) must(prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "PR_CAPBSET_DROP");
    }
    if (filter->length) must(syscall(SYS_seccomp, 1, 0, filter), "seccomp");
    must(syscall(SYS_setgroups, 0, NULL), "setgroups");
    must(syscall(SYS_capset, &header, sets), "capset");
}
static void execute(char **program) {
    execve(program[0], program, environment);
    die(program[0]);
}

/* ---- the commands ---- */

static pid_t clone_it(uint64_t namespaces) {
    struct clone_arguments arguments = {.flags = namespaces, .exit_signal = SIGCHLD};
    if (is_unified()) arguments.flags |= CLONE_INTO_CGROUP, arguments.cgroup = (uint64_t)group_fd;
    long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    must(pid, "clone3");
    return (pid_t)pid;
}
static int wait_for(pid_t pid) {
    int status;
    must(waitpid(pid, &status, 0), "waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
static void become_container(const char *rootfs, int ready_fd, int gate_fd, struct filter_program *filter, char **program) {
    const struct rlimit files = {1024, 1024};
    char byte = 0;
    if (!is_unified()) open_tasks();
    setsid();
    must(sethostname("bench", 5), "sethostname");
    raise_loopback();
    make_root(rootfs);
    must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
    if (!is_unified()) join_groups_v1();
    if (ready_fd >= 0) {
        must(write(ready_fd, &byte, 1), "ready");
        must(read(gate_fd, &byte, 1), "gate");
    }
    lose_rights(filter);
    execute(program);
}
static int run(char **word) {
    read_groups(word[0]);
    struct filter_program filter = load_file(word[2]);
    make_groups(word[3]);
    pid_t pid = clone_it(NAMESPACES);
    if (pid == 0) become_container(word[1], -1, -1, &filter, word + 4);
    int code = wait_for(pid);
    remove_groups();
    return code;
}
static void path_in(char *path, size_t size, const char *folder, const char *name) {
    snprintf(path, size, "%s/%s", folder, name);
}
static int create(char **word) {
    const char *state = word[4];
    char path[4096], record[8192], byte;
    int ready[2];
    int length = snprintf(record, sizeof record, "%s", word[0]);
    read_groups(word[0]);
    struct filter_program filter = load_file(word[2]);
    must(mkdir(state, 0700), state);
    path_in(path, sizeof path, state, "gate");
    must(mkfifo(path, 0600), path);
    int gate = open(path, O_RDWR | O_CLOEXEC);
    must(pipe2(ready, O_CLOEXEC), "pipe2");
    make_groups(word[3]);
    pid_t pid = clone_it(NAMESPACES);
    if (pid == 0) become_container(word[1], ready[1], gate, &filter, word + 5);
    close(ready[1]);
    length += snprintf(record + length, sizeof record - (size_t)length, "\n%d\n", pid);
    path_in(path, sizeof path, state, "record");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(write(fd, record, (size_t)length), path);
    close(fd);
    return read(ready[0], &byte, 1) == 1 ? 0 : 125;
}
/* The groups of a record into `groups`, and its pid. */
static pid_t recall(const char *state) {
    static char record[8192];
    char path[4096];
    path_in(path, sizeof path, state, "record");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, record, sizeof record - 1);
    if (length <= 0) die(path);
    close(fd);
    char *line = strchr(record, '\n');
    if (!line) die(path);
    *line = 0;
    read_groups(record);
    return atoi(line + 1);
}
static int start(char **word) {
    char path[4096];
    path_in(path, sizeof path, word[0], "gate");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    must(write(fd, "s", 1), path);
    return 0;
}
static int state(char **word) {
    pid_t pid = recall(word[0]);
    const char *status = kill(pid, 0) == 0 ? "running" : "stopped";
    char text[256];
    int length = snprintf(text, sizeof text, "{\"ociVersion\": \"1.0.2\", \"pid\": %d, \"status\": \"%s\"}\n", pid, status);
    must(write(1, text, (size_t)length), "state");
    return 0;
}
static int enter(char **word) {
    pid_t pid = recall(word[0]);
    struct filter_program filter = load_file(word[1]);
    if (is_unified()) must(group_fd = open(groups[0].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), groups[0].path);
    else open_tasks();
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    must(setns(pidfd, NAMESPACES), "setns");
    pid_t child = clone_it(0);
    if (child == 0) {
        if (!is_unified()) join_groups_v1();
        setsid();
        lose_rights(&filter);
        execute(word + 2);
    }
    return wait_for(child);
}
static int send_signal(char **word) {
    must(kill(recall(word[0]), atoi(word[1])), "kill");
    return 0;
}
static int delete(char **word) {
    pid_t pid = recall(word[0]);
    char path[4096];
    struct pollfd end = {(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
    if (end.fd >= 0 && kill(pid, SIGKILL) == 0) poll(&end, 1, -1);
    remove_groups();
    path_in(path, sizeof path, word[0], "record"), unlink(path);
    path_in(path, sizeof path, word[0], "gate"), unlink(path);
    return rmdir(word[0]) < 0;
}
static int nothing(char **word) {
    (void)word;
    return 0;
}

int main(int count, char **word) {
    static const struct { const char *name; int least; int (*call)(char **); } commands[] = {
        {"run", 5, run}, {"create", 6, create}, {"start", 1, start}, {"state", 1, state}, {"exec", 3, enter},
        {"kill", 2, send_signal}, {"delete", 1, delete}, {"nothing", 0, nothing}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands && count > 1; i++) {
        if (strcmp(word[1], commands[i].name) == 0 && count - 2 >= commands[i].least) return commands[i].call(word + 2);
    }
    fprintf(stderr, "floor: unknown command, or too few words; see the head of bench/floor.c\n");
    return 2;
}
