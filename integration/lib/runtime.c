/* The runtime as an environment wants it run: this program stands in its place ($TARE), gives it more options or takes the rights of root
 * from it, and becomes it by execve(2), so that whoever looks (strace, the keeper of the pid) sees one process. Called by the cases, through
 * integration/run, which writes what to do into the file NAME.environment beside it. Lines of that file:
 *   program PATH    the runtime
 *   manager TEXT    an option that chooses the cgroup manager: goes before the other arguments, unless these choose one
 *   group PATH      a cgroup.procs file: joined before anything else
 *   user UID        user and group of this number from there on, with the environment variables of a session
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const char *what) { perror(what); _exit(99); }

static void become(int id)
{
    char text[128];
    gid_t group = id;
    if (setgroups(1, &group) || setresgid(id, id, id) || setresuid(id, id, id)) fail("runtime: set ids");
    snprintf(text, sizeof text, "/run/user/%d", id);
    setenv("XDG_RUNTIME_DIR", text, 1);
    snprintf(text, sizeof text, "unix:path=/run/user/%d/bus", id);
    setenv("DBUS_SESSION_BUS_ADDRESS", text, 1);
    setenv("HOME", "/home/tester", 1);
    setenv("USER", "tester", 1);
}

static int names_a_manager(char **argv)
{
    for (; *argv; argv++) if (!strncmp(*argv, "--cgroup-manager", 16)) return 1;
    return 0;
}

int main(int argc, char **argv)
{
    char self[4096], line[4096], *program = NULL, **arguments = calloc(argc + 2, sizeof *arguments);
    int count = 1, id = 0;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - sizeof ".environment");
    if (length < 0 || !arguments) fail("runtime: own name");
    strcpy(self + length, ".environment");
    FILE *file = fopen(self, "re");
    if (!file) fail(self);
    while (fgets(line, sizeof line, file)) {
        char *value = strchr(line, ' ');
        line[strcspn(line, "\n")] = 0;
        if (!value) continue;
        *value++ = 0;
        if (!strcmp(line, "program")) program = strdup(value);
        if (!strcmp(line, "manager") && !names_a_manager(argv)) arguments[count++] = strdup(value);
        if (!strcmp(line, "user")) id = atoi(value);
        if (!strcmp(line, "group")) {
            int procs = open(value, O_WRONLY | O_CLOEXEC);
            if (procs < 0 || write(procs, "0", 1) != 1) fail(value);
            close(procs);
        }
    }
    fclose(file);
    if (id) become(id);
    arguments[0] = argv[0];
    for (int i = 1; i < argc; i++) arguments[count++] = argv[i];
    execv(program, arguments);
    fail(program);
}
