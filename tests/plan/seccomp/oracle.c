/* Compiles a profile with libseccomp: commands on stdin, the program on stdout, notes on stderr.
 *   default ACTION | arch TOKEN | rule ACTION NAME COUNT (INDEX OPERATOR A B)*
 * The rules are added the way runc and crun add them. Notes: "lacks TOKEN NAME" where the library does not know a
 * name's number, "refused NAME RC" for a rule that it does not take. */
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    char word[64], name[128];
    uint32_t value, arches[32];
    unsigned count = 0, n;
    scmp_filter_ctx filter = NULL;
    arches[count++] = seccomp_arch_native();
    while (scanf("%63s", word) == 1) {
        if (!strcmp(word, "default") && scanf("%" SCNu32, &value) == 1) {
            filter = seccomp_init(value);
        } else if (!strcmp(word, "arch") && scanf("%" SCNu32, &value) == 1) {
            seccomp_arch_add(filter, value);
            arches[count++] = value;
        } else if (!strcmp(word, "rule") && scanf("%" SCNu32 " %127s %u", &value, name, &n) == 3) {
            struct scmp_arg_cmp tests[6];
            for (unsigned i = 0; i < n; i++) {
                unsigned index, operator;
                uint64_t a, b;
                if (i == 6 || scanf("%u %u %" SCNu64 " %" SCNu64, &index, &operator, &a, &b) != 4)
                    return 2;
                tests[i] = (struct scmp_arg_cmp){index, operator, a, b};
            }
            for (unsigned i = 0; i < count; i++) {
                int there = seccomp_syscall_resolve_name_arch(arches[i], name);
                if (there == __NR_SCMP_ERROR || there <= -10000)
                    fprintf(stderr, "lacks %" PRIu32 " %s\n", arches[i], name);
            }
            int call = seccomp_syscall_resolve_name(name);
            if (call == __NR_SCMP_ERROR)
                continue;
            int rc = seccomp_rule_add_array(filter, value, call, n, tests);
            if (rc != 0)
                fprintf(stderr, "refused %s %d\n", name, rc);
        } else {
            return 2;
        }
    }
    return filter == NULL || seccomp_export_bpf(filter, 1) != 0;
}
