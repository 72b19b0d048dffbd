#!/bin/bash
# apt in a private root: update from repositories by http and by file, simulate, download, source lists that fail.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

export SOURCE_DATE_EPOCH=1700000000
port=$(free_port)
chmod 755 "$HOME" .
for name in one two three; do
	mkdir -p "build/$name/DEBIAN" "build/$name/usr/share/$name"
	printf 'Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b>\nDepends: %s\nDescription: %s\n' \
		"att-$name" "$([ $name = one ] && echo att-two || echo)" "number $name" | sed '/^Depends: $/d' >"build/$name/DEBIAN/control"
	seq 1 3000 >"build/$name/usr/share/$name/file"
done
mkdir repository
for name in one two three; do dpkg-deb --root-owner-group -b "build/$name" repository >/dev/null || exit 1; done
(cd repository && dpkg-scanpackages -m . 2>/dev/null >Packages && gzip -9nk Packages && {
	printf 'Origin: test\nSuite: test\nDate: %s\nMD5Sum:\n' 'Thu, 01 Jan 2026 00:00:00 UTC'
	md5sum Packages Packages.gz | while read -r sum file; do echo " $sum $(wc -c <"$file") $file"; done
	echo SHA256:
	sha256sum Packages Packages.gz | while read -r sum file; do echo " $sum $(wc -c <"$file") $file"; done
} >Release)

mkdir -p root/etc/apt/apt.conf.d root/etc/apt/preferences.d root/etc/apt/sources.list.d root/etc/apt/trusted.gpg.d \
	root/var/lib/apt/lists/partial root/var/cache/apt/archives/partial root/var/lib/dpkg root/var/log/apt
: >root/var/lib/dpkg/status
cat >apt.conf <<EOF
Dir "$PWD/root";
Dir::State::status "$PWD/root/var/lib/dpkg/status";
APT::Architecture "$(dpkg --print-architecture)";
APT::Sandbox::User "$([ "$(id -u)" = 0 ] && echo _apt)";
Acquire::Languages "none";
Acquire::Retries "0";
Dir::Bin::Methods "/usr/lib/apt/methods";
EOF
export APT_CONFIG=$PWD/apt.conf
[ "$(id -u)" != 0 ] || chown -R _apt root/var/lib/apt/lists root/var/cache/apt/archives
begin /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory repository "$port" >/dev/null 2>&1
server=$begun
soon listens "$port"
short() { sed -E "s/127\.0\.0\.1:[0-9]+/SERVER/g; s/^(Hit|Get|Ign|Err):[0-9]+/\1/; s/ in [0-9]+s.*//; s/\([0-9,.]+ k?B\/s\)//; s/:$port/:PORT/" | tr '\n' '|'; }

for seccomp in false true; do
	for kind in "http://127.0.0.1:$port" "file:$PWD/repository" "copy:$PWD/repository"; do
		name=${kind%%:*}-seccomp-$seccomp
		rm -rf root/var/lib/apt/lists/*_* root/var/cache/apt/*.bin
		echo "deb [trusted=yes] $kind ./" >root/etc/apt/sources.list
		apt-get -o APT::Sandbox::Seccomp=$seccomp update >out 2>err
		say "update-$name" "$? $(grep -v '^Reading' out | short) $(short <err)"
		apt-get -s install att-one >out 2>err
		say "simulate-$name" "$? $(grep -E '^(Inst|Conf)' out | tr '\n' '|') $(cat err)"
	done
done
echo "deb [trusted=yes] http://127.0.0.1:$port ./" >root/etc/apt/sources.list
apt-get update >out 2>err
say update "$? $(grep -v '^Reading' out | short) $(short <err)"
apt-get update >out 2>err
say again "$? $(grep -v '^Reading' out | short) $(short <err)"
apt-get -y -d install att-one att-three >out 2>err
say download-only "$? $(ls root/var/cache/apt/archives/*.deb | wc -l) $(cat root/var/cache/apt/archives/*.deb | wc -c) $(short <err)"
mkdir fetched && chmod 777 fetched
(cd fetched && apt-get download att-two >/dev/null 2>err; say download "$? $(dpkg-deb -f att-two_1.0_all.deb Version) $(cat err)")
say policy "$(apt-cache policy att-one | sed -n 3p)"
say depends "$(apt-cache depends att-one | tr '\n' '|')"
say unknown "$(apt-get -s install att-none 2>&1 | tail -n 1)"
echo "deb [trusted=yes] http://127.0.0.1:$(free_port) ./" >root/etc/apt/sources.list
apt-get update >out 2>err
say refused "$? $(grep -c '^Err' out)"
echo "deb [trusted=yes] http://127.0.0.1:$port/missing ./" >root/etc/apt/sources.list
apt-get update >out 2>err
say missing "$? $(grep -c '^E:' err)"
finish "$server"
say server "$status"
