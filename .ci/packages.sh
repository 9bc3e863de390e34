# Debian packages by purpose, and installing those that are missing. Sourced by ./quickstart and ./check.
# An entry COMMAND:PACKAGE counts as installed when the command is there, whoever brought it.

build_packages=(g++ cmake ninja-build pkg-config ca-certificates
    libasio-dev libfmt-dev libexpected-dev liburing-dev libxxhash-dev libisal-dev libzstd-dev liblz4-dev zlib1g-dev
    libre2-dev libsnappy-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev libspdlog-dev robin-map-dev)
client_packages=(kcat node:nodejs npm:npm)
check_packages=(git ccache catch2 python3 python3-venv librdkafka-dev mvn:maven javac:default-jdk-headless go:golang-go make
    clang-14 libclang-rt-14-dev curl zsh fish valgrind)

# missing PACKAGE...: those that are not installed, one a line.
missing() {
    local entry
    for entry in "$@"; do
        if [[ $entry == *:* ]]; then
            command -v "${entry%%:*}" >/dev/null || echo "${entry#*:}"
        elif [[ $(dpkg-query -W -f='${Status}' "$entry" 2>/dev/null) != *" installed" ]]; then
            echo "$entry"
        fi
    done
}

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# install_packages PACKAGE...: apt-get is only called when something is missing.
install_packages() {
    command -v dpkg-query >/dev/null || {
        echo "this is not Debian: see README.md for what the build needs"
        return 0
    }
    local wanted
    mapfile -t wanted < <(missing "$@")
    ((${#wanted[@]})) || return 0
    if ((EUID != 0)) && ! command -v sudo >/dev/null; then
        echo "missing: ${wanted[*]}"
        echo "neither root nor sudo: install them with  apt-get install ${wanted[*]}"
        return 1
    fi
    echo "installing ${wanted[*]}"
    # A fresh machine may have no package lists, or old ones: fetch them before the first try or after a failed one.
    apt_install "${wanted[@]}" || { as_root apt-get -qq update && apt_install "${wanted[@]}"; }
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
        -o Dpkg::Use-Pty=0 "$@" >/dev/null
}
