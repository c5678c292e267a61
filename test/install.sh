#!/bin/sh
# Installs the clients that test/clients runs: Node.js packages by their lock file, PyMongo from
# Debian. Says what cannot be had here, and goes on: the tests then say so, too.
set -eu
cd "$(dirname "$0")"

apt_install() {
	command -v apt-get >/dev/null || return 1
	[ "$(id -u)" = 0 ] || return 1
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null 2>&1 ||
		{ apt-get update -q >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null 2>&1; }
}

command -v npm >/dev/null || apt_install nodejs npm ||
	echo "no npm, and no apt-get to install it: the seed scripts will not run" >&2
if command -v npm >/dev/null && [ ! -e node/node_modules/.package-lock.json -o node/package-lock.json -nt node/node_modules/.package-lock.json ]; then
	npm ci --prefix node --ignore-scripts --no-audit --no-fund --loglevel error
fi

has_pymongo() {
	for p in python3 /usr/bin/python3; do
		"$p" -c 'import pymongo' 2>/dev/null && return 0
	done
	return 1
}
has_pymongo || apt_install python3-pymongo ||
	echo "no PyMongo, and no apt-get to install it: test/python will not run" >&2
