# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Debian's archive, as the machine's own apt knows it, and a private apt that
# knows the suites of all three kernels without touching the machine's lists.

# archive_of LABEL: the URI of Debian's archive with that label.
archive_of()
{
	local uri

	# shellcheck disable=SC2016 # these are apt's variables
	uri=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' |
	      sed -n "s/^Debian|$1|//p" | sort -u | head -n 1)
	case $uri in
	mirror+file:*)	# a cloud image's indirection: a file that lists mirrors
		uri=${uri#mirror+file:}
		uri=$(awk '!/^#/ && NF { print $1; exit }' "${uri%/}")
		;;
	esac
	printf '%s\n' "${uri%/}"
}

# apt_sources: a sources.list with the suites of Debian 12 and 13.
apt_sources()
{
	local archive security suite

	archive=$(archive_of Debian)
	security=$(archive_of Debian-Security)
	if [ -z "$archive" ]; then
		apt-get update >&2
		archive=$(archive_of Debian)
		security=$(archive_of Debian-Security)
	fi
	[ -n "$archive" ] || die "apt knows no Debian archive: set one up in /etc/apt/sources.list"
	for suite in trixie trixie-updates trixie-backports bookworm bookworm-updates; do
		printf 'deb %s %s main\n' "$archive" "$suite"
	done
	[ -n "$security" ] || return 0
	for suite in trixie-security bookworm-security; do
		printf 'deb %s %s main\n' "$security" "$suite"
	done
}

# How the machine reaches its archive (proxy, date checks) holds for the roots too.
apt_acquire_options()
{
	apt-config dump --format '%F "%v";%n' Acquire |
		grep -E '^Acquire::(https?|Check-|ForceIPv)' || true
	cat <<-'OPTIONS'
		Acquire::Retries "3";
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		APT::Install-Recommends "false";
	OPTIONS
}

# Debian 12 is there for its kernel alone.
apt_preferences()
{
	cat <<-'PREFERENCES'
		Package: *
		Pin: release n=bookworm*
		Pin-Priority: 50
	PREFERENCES
}

# The QEMU that runs the lab host needs SR-IOV virtio-net and vfio-user.
apt_preferences_new_qemu()
{
	cat <<-'PREFERENCES'

		Package: src:qemu src:seabios src:ipxe
		Pin: release n=trixie-backports
		Pin-Priority: 990
	PREFERENCES
}

build_apt_state()
{
	local dir=$1

	mkdir -p "$dir"/{etc,lists/partial,archives/partial}
	apt_sources >"$dir/etc/sources.list"
	apt_preferences >"$dir/etc/preferences"
	: >"$dir/status"
	# The directory is renamed when it is done: apt gets its place by
	# environment, not by a path in this file.
	apt_acquire_options >"$dir/etc/apt.conf"
	private_apt_in "$dir" apt-get update
}

# private_apt_in DIR COMMAND...: an apt command with that state.
private_apt_in()
{
	local dir=$1 command=$2

	shift 2
	APT_CONFIG=$dir/etc/apt.conf "$command" \
		-o Dir::State::lists="$dir/lists" -o Dir::State::status="$dir/status" \
		-o Dir::Cache="$dir" -o Dir::Cache::archives="$dir/archives" \
		-o Dir::Etc::sourcelist="$dir/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences="$dir/etc/preferences" -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::Etc::trusted=/dev/null -o Dir::Etc::trustedparts=/usr/share/keyrings \
		-o APT::Sandbox::User=root "$@"
}

# The lists of today: older ones name packages that the archive has replaced.
apt_state()
{
	artefact apt "$(recipe_key "$LAB/lib/apt.sh" "$(date +%F)")" 5 build_apt_state
}

private_apt()
{
	local state

	state=$(apt_state)
	(hold "$state" && private_apt_in "$state" "$@")
}
