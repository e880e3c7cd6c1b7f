#!/bin/sh
# Puts Portero on this machine, or under DESTDIR for an image. Run again to update: nothing that the administrator wrote is overwritten.
#   DESTDIR=/mnt/root systemd/install.sh     stage into another root; users and units are then made by its first boot
#   PORTERO_SKIP_VENV=1                      leave the program alone, install only what is around it
#   PYTHON=/usr/bin/python3                  the interpreter of the virtual environment
set -eu

source_dir=$(cd "$(dirname "$0")/.." && pwd)
root=${DESTDIR:-}
prefix=/opt/portero
lib=/usr/local/lib
python=${PYTHON:-/usr/bin/python3}

say() { printf '» %s\n' "$1"; }

need_root() {
    if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
        echo "install.sh: run as root, or set DESTDIR" >&2
        exit 1
    fi
}

install_program() {
    [ "${PORTERO_SKIP_VENV:-0}" = 1 ] && return
    say "Virtual environment in $root$prefix"
    "$python" -m venv "$root$prefix"
    "$root$prefix/bin/python" -m pip install --quiet --disable-pip-version-check "$source_dir"
    # Staged elsewhere, the scripts would name the staging directory as their interpreter's.
    [ -z "$root" ] || grep -rlI "^#!$root$prefix/bin/" "$root$prefix/bin" | xargs -r sed -i "1s|^#!$root|#!|"
    install -d -m 0755 "$root/usr/local/bin"
    ln -sfn "$prefix/bin/portero" "$root/usr/local/bin/portero"
}

install_around() {
    say "Unit, user, device rules and documentation"
    install -D -m 0644 "$source_dir/systemd/portero.service" "$root$lib/systemd/system/portero.service"
    install -D -m 0644 "$source_dir/systemd/portero-firewall.service" "$root$lib/systemd/system/portero-firewall.service"
    install -D -m 0644 "$source_dir/systemd/apparmor/portero" "$root/etc/apparmor.d/portero"
    install -d -m 0755 "$root/etc/portero/firewall.d"
    install -D -m 0644 "$source_dir/systemd/sysusers/portero.conf" "$root$lib/sysusers.d/portero.conf"
    install -D -m 0644 "$source_dir/systemd/tmpfiles/portero.conf" "$root$lib/tmpfiles.d/portero.conf"
    install -D -m 0644 "$source_dir/systemd/udev/60-portero.rules" "$root$lib/udev/rules.d/60-portero.rules"
    install -D -m 0644 "$source_dir/systemd/README.md" "$root$prefix/share/doc/README.md"
}

install_configuration() {
    config="$root/etc/portero/portero.toml"
    install -d -m 0750 "$root/etc/portero"
    if [ -e "$config" ]; then
        say "$config is kept as it is"
    else
        say "Example configuration in $config: fill it in, then: portero check $config"
        install -m 0640 "$source_dir/systemd/portero.toml" "$config"
    fi
}

# On the running machine only: a staged root does this at its first boot.
make_effective() {
    [ -z "$root" ] || return 0
    systemd-sysusers portero.conf
    systemd-tmpfiles --create portero.conf
    [ ! -d /sys/kernel/security/apparmor ] || ! command -v apparmor_parser >/dev/null || apparmor_parser -r /etc/apparmor.d/portero
    systemctl daemon-reload
    if command -v udevadm >/dev/null; then
        udevadm control --reload && udevadm trigger --subsystem-match=gpio
    fi
    systemctl enable --quiet portero.service
    systemctl try-restart portero.service
    say "Start it with: systemctl start portero     Ask it how it is with: portero doctor"
}

need_root
install_program
install_around
install_configuration
make_effective
