// A machine that forbids io_uring, as the default profiles of containers do.
#include "io/backends.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

using namespace imago::io;

namespace {

// From here on io_uring_setup fails with EPERM in this process.
bool forbid_io_uring() {
    std::array<sock_filter, 4> program = {{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Exit status of the child: 0 as it should be.
int try_forbidden() {
    if (!forbid_io_uring()) return 2;
    if (make_uring_disk().error() != std::errc::operation_not_permitted) return 3;
    std::string why_not;
    const auto disk = make_disk(&why_not);
    if (disk->kind() != backend::posix) return 4;
    if (why_not.find("not permitted") == std::string::npos) return 5;
    return disk->make_ring().has_value() ? 0 : 6;
}

}  // namespace

TEST_CASE("where io_uring is forbidden, system calls take over and say why", "[io]") {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(try_forbidden());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
