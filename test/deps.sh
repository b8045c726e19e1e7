#!/bin/sh
# Installs, from the OS's own packages, what building the artifacts and booting
# lab hosts need. Does nothing when all is there.
set -eu
wanted="gcc libc6-dev libseccomp-dev pkg-config systemd-container mmdebstrap iproute2 nftables openssh-client openssh-server sudo ca-certificates procps util-linux"
missing=""
for name in $wanted; do
  status=$(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# A freshly installed sshd must not start on this machine because of us.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e "$policy" ]; then
  made=1
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
[ -z "$made" ] || rm -f "$policy"
