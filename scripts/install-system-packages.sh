#!/bin/sh
# Installs, from Debian's packages, what the tests need beyond Python:
#   rabbitmq-server   the integration tests start it as a node of their own
#   libmagic1         pycti reads file types with it
#   chromium, chromium-driver, firefox-esr, fonts-dejavu-core   the preview page is tested in both
#   prometheus   its promtool checks the metrics and the alerts in deploy/prometheus/
#   docker-compose   says whether the compose files are valid; it starts nothing
#   buildah, mmdebstrap   with TEST_FULL set: the image is built and run
#   gcc, libc6-dev, python3-dev   for the compiled build; PYTHON names the interpreter (python3), and
#     one that is not Debian's brings its own headers
# With the argument `compiler`, only what the compiled build needs.
# Nothing is started or enabled: the package's own service stays off.
set -eu

missing=""
if [ "${1:-}" != compiler ]; then
    [ -x /usr/sbin/rabbitmq-server ] || missing="$missing rabbitmq-server"
    ls /usr/lib/*/libmagic.so.1 /lib/*/libmagic.so.1 >/dev/null 2>&1 || missing="$missing libmagic1"
    [ -x /usr/bin/chromium ] || missing="$missing chromium"
    [ -x /usr/bin/chromedriver ] || missing="$missing chromium-driver"
    [ -x /usr/bin/firefox-esr ] || missing="$missing firefox-esr"
    command -v promtool >/dev/null || missing="$missing prometheus"
    command -v docker-compose >/dev/null || missing="$missing docker-compose"
    if [ -n "${TEST_FULL:-}" ]; then
        command -v buildah >/dev/null || missing="$missing buildah"
        command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"
    fi
    [ -d /usr/share/fonts/truetype/dejavu ] || missing="$missing fonts-dejavu-core"
fi
command -v gcc >/dev/null || missing="$missing gcc"
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
headers=$("${PYTHON:-python3}" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -e "$headers/Python.h" ] || missing="$missing python3-dev"
missing="${missing# }"
[ -n "$missing" ] || exit 0

please="install these system packages first: $missing"
if ! command -v apt-get >/dev/null 2>&1; then
    echo "no apt-get here; $please" >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "no right to install packages; $please (sudo apt-get install $missing)" >&2
    exit 1
fi

# Debian asks policy-rc.d before it starts a service that was just installed; 101 forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 0755 "$policy"
fi

quiet="-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120"
# shellcheck disable=SC2086  # lists of words on purpose
{
    $as_root apt-get update $quiet
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install $quiet -y --no-install-recommends $missing >/dev/null
} || {
    echo "apt-get failed; $please" >&2
    exit 1
}

# On a machine that boots with systemd the services would start at the next boot.
case "$missing" in
*prometheus*)
    if [ -d /run/systemd/system ]; then
        $as_root systemctl disable --quiet prometheus.service || true
    fi
    ;;
esac
case "$missing" in
*rabbitmq-server*)
    if [ -d /run/systemd/system ]; then
        $as_root systemctl disable --quiet rabbitmq-server.service epmd.socket epmd.service || true
    fi
    ;;
esac
