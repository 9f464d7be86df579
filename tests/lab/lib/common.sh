# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Messages, the cache and its locks. Everything that the lab keeps is in the
# cache, one directory an artefact, named NAME-KEY; KEY is a hash of the recipe,
# so a changed recipe is a different artefact.

CACHE=${MDEV_PT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/mdev-pt}

# Exit statuses of `lab run` that are not the command's own.
# shellcheck disable=SC2034 # run.sh uses it
readonly STATUS_TIMEOUT=124
readonly STATUS_LAB=125

say()
{
	printf 'lab: [%4ds] %s\n' "$SECONDS" "$*" >&2
}

die()
{
	printf 'lab: %s\n' "$*" >&2
	exit "$STATUS_LAB"
}

need_root()
{
	[ "$(id -u)" -eq 0 ] || die "needs root (chroot, mounts): run it with sudo"
}

# recipe_key FILE-OR-TEXT...: the key of an artefact. A file counts with its
# content, anything else with its text.
recipe_key()
{
	local part

	for part in "$@"; do
		if [ -f "$part" ]; then
			cat "$part"
		else
			printf '%s\n' "$part"
		fi
	done | sha256sum | cut -c1-12
}

# artefact NAME KEY USUAL BUILDER [ARG...]: the path of the artefact on stdout.
# When it isn't there, BUILDER is called with an empty directory and its own
# arguments; the directory gets its name only when BUILDER succeeded, so an
# interrupted build leaves nothing that looks whole.
artefact()
{
	local name=$1 key=$2 usual=$3 builder=$4
	local path=$CACHE/$name-$key tmp start lock

	shift 4
	if [ ! -d "$path" ]; then
		mkdir -p "$(dirname "$path")"
		exec {lock}>"$CACHE/$name.lock"
		flock "$lock"
		if [ ! -d "$path" ]; then
			start=$SECONDS
			say "building $name (usually $usual s)"
			tmp=$path.tmp
			discard "$tmp"
			mkdir -p "$tmp"
			"$builder" "$tmp" "$@" >"$CACHE/$name.log" 2>&1 || {
				tail -n 25 "$CACHE/$name.log" >&2
				discard "$tmp"
				die "building $name failed: see $CACHE/$name.log"
			}
			mv -T "$tmp" "$path"
			drop_other_keys "$name" "$key"
			say "built $name in $((SECONDS - start)) s"
		fi
		exec {lock}>&-
	fi
	# Its time is that of the last use.
	touch -c "$path"
	printf '%s\n' "$path"
}

# hold PATH...: as long as this process or a child of it lives, nobody drops
# the artefact.
hold()
{
	local path fd

	for path in "$@"; do
		exec {fd}<"$path"
		flock --shared "$fd"
	done
}

# discard PATH...: a half-built root can have file systems mounted in it; never
# descend into them.
discard()
{
	rm -rf --one-file-system "$@"
}

# discard_unheld PATH...
discard_unheld()
{
	local path

	for path in "$@"; do
		[ ! -d "$path" ] || flock --exclusive --nonblock "$path" rm -rf --one-file-system "$path" || :
	done
}

# drop_other_keys NAME KEY: all but the one used last, which may be that of
# another branch, or another checkout.
drop_other_keys()
{
	local old

	for old in "$CACHE/$1"-????????????.tmp; do
		discard_unheld "$old"
	done
	find "$CACHE/$1"-???????????? -maxdepth 0 -type d ! -path "$CACHE/$1-$2" -printf '%T@ %p\n' |
		sort -rn | tail -n +2 | while read -r _ old; do
		discard_unheld "$old"
	done
}
