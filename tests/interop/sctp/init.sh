#!/bin/sh
# The first process of the guest: SCTP, loopback and memory to write in, then the tests; the host reads the last line.
# Debian's user-mode kernel has no hash for the cookies of SCTP, so they go without; its modules lie where modprobe does not look.
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1
mount -t proc none /proc
mount -t sysfs none /sys
mount -t tmpfs none /run
mkdir /run/tree && mount --bind "$PORTERO_TREE" /run/tree
mount -t tmpfs none /tmp
if [ ! -d "$PORTERO_TREE" ]; then  # a checkout below /tmp, which is hidden now
  mkdir -p "$PORTERO_TREE" && mount --bind /run/tree "$PORTERO_TREE"
fi
mkdir -p /dev/shm && mount -t tmpfs none /dev/shm
hostname localhost  # sipsak looks its own name up
ip link set lo up
mkdir -p /tmp/base/lib/modules
ln -s "/usr/lib/uml/modules/$(uname -r)" /tmp/base/lib/modules/
modprobe -d /tmp/base sctp
echo none > /proc/sys/net/sctp/cookie_hmac_alg
cd "$PORTERO_TREE" || exit 1
"$PORTERO_PYTHON" -m pytest -q --color=no -p no:cacheprovider -p no:xdist tests/interop/sctp/calls.py
echo "guest: tests ended with $?"
echo o > /proc/sysrq-trigger
sleep 60
