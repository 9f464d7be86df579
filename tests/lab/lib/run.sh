# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot the lab host, for a command or for a shell. A run has a directory of its
# own in the cache: overlay disks, sockets, and the share that the lab host sees
# as /lab. All of it goes when the run ends.

RUN=
KERNEL=
GUEST=
QEMU_PID=
HELPERS=()

# Whatever ends the run, nothing of it stays behind.
end_run()
{
	trap - EXIT INT TERM HUP
	[ -z "$QEMU_PID" ] || kill -KILL "$QEMU_PID" 2>/dev/null || :
	kill "${HELPERS[@]}" "${MODEL_PIDS[@]}" 2>/dev/null || :
	wait 2>/dev/null || :
	[ -z "$RUN" ] || rm -rf "$RUN"
}

# prepare_run KERNEL-NAME OUT: sets RUN, KERNEL, GUEST. Without OUT what the lab
# host writes to /out is kept only if the command fails (keep_output).
prepare_run()
{
	local image out=$2

	image=$(host_image)
	KERNEL=$(kernel "$1")
	GUEST=$(guest)
	hold "$image" "$KERNEL" "$GUEST"
	mkdir -p "$CACHE/run"
	# A run that was killed outright could not clean up.
	discard_unheld "$CACHE"/run/*
	RUN=$(mktemp -d "$CACHE/run/XXXXXX")
	hold "$RUN"
	trap end_run EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir -p "$RUN/share/guest"
	# The lab host's services are not all root.
	chmod 755 "$RUN" "$RUN/share"
	if [ -n "$out" ]; then
		mkdir -p "$out"
		ln -s "$(readlink -f "$out")" "$RUN/out"
	else
		mkdir "$RUN/out"
	fi
	# shellcheck disable=SC2016 # the inner shell's arguments
	(in_build_root sh -euc '
		qemu-img create -q -f qcow2 -F raw -b "$2" "$1/root.qcow2"
		qemu-img create -q -f qcow2 -F raw -b "$3" "$1/modules.qcow2"' \
		sh "$RUN" "$image/root.img" "$KERNEL/modules.img") || die "cannot make the lab host's disks"
	share_modules "$1"
}

# share_modules KERNEL-NAME: the work tree's modules for that kernel, so that
# modprobe finds them. depmod runs here, where it takes a tenth of the time.
share_modules()
{
	local release tree modules

	modules=$(find "$CHECKOUT/build/$1" -name '*.ko' 2>/dev/null || :)
	[ -n "$modules" ] || return 0
	release=$(cat "$KERNEL/release")
	tree=$RUN/modules/lib/modules/$release
	mkdir -p "$RUN/modules" "$RUN/share/updates/updates"
	cp -al "$KERNEL/modules/lib" "$RUN/modules/"
	# These are links into the cache, and depmod must not write through them.
	rm -f "$tree"/modules.{{dep,alias,symbols,devname,softdep,weakdep},*.bin}
	mkdir "$tree/updates"
	printf '%s\n' "$modules" | xargs cp -t "$tree/updates"
	depmod -b "$RUN/modules" "$release"
	mv "$tree"/updates/*.ko "$RUN/share/updates/updates/"
	find "$tree" -maxdepth 1 -type f -name 'modules.*' -links 1 -exec cp -t "$RUN/share/updates" {} +
	rm -rf "$RUN/modules"
}

# run_command SECONDS COMMAND...: the lab host's command and its status.
run_command()
{
	local timeout=$1 deadline=$((SECONDS + $1)) status=0

	shift
	printf '%q ' "$@" >"$RUN/share/command"
	rm -f "$RUN/out/console.log"
	mkfifo "$RUN/out.pipe"
	while :; do
		boot_once "$((deadline - SECONDS))" || status=$?
		if [ "$status" -ne 0 ]; then
			say "timeout after $timeout s"
			explain_end
			return "$STATUS_TIMEOUT"
		fi
		[ -e "$RUN/share/rebooting" ] || break
		rm "$RUN/share/rebooting"
		say "the lab host reboots"
	done
	if [ ! -e "$RUN/share/status" ]; then
		say "the lab host died: the command has no status"
		explain_end
		return "$STATUS_LAB"
	fi
	return "$(cat "$RUN/share/status")"
}

explain_end()
{
	cat "$RUN/qemu.log" >&2
	say "the end of the console:"
	tail -n 40 "$RUN/out/console.log" | tr -d '\r' >&2
}

# boot_once SECONDS: one QEMU, until it ends; fails if it had to be ended.
boot_once()
{
	local reader sleeper writer ended=

	helper cat "$RUN/out.pipe"
	reader=$!
	(in_build_root "${QEMU[@]}" -serial chardev:console \
		-chardev "file,id=console,path=$RUN/out/console.log,append=on") </dev/null >"$RUN/qemu.log" 2>&1 &
	QEMU_PID=$!
	helper sleep "$1"
	sleeper=$!
	wait -n -p ended "$QEMU_PID" "$sleeper" || :
	kill -KILL "$QEMU_PID" "$sleeper" 2>/dev/null || :
	wait "$QEMU_PID" "$sleeper" 2>/dev/null || :
	QEMU_PID=
	# The reader ends with the last writer; there must have been one.
	exec {writer}<>"$RUN/out.pipe"
	exec {writer}>&-
	wait "$reader" 2>/dev/null || :
	HELPERS=()
	[ "$ended" != "$sleeper" ]
}

# helper COMMAND...: in the background, and not longer than this shell.
helper()
{
	setpriv --pdeathsig KILL -- "$@" &
	HELPERS+=($!)
}

# run_shell: the serial console is this terminal; ^A X ends it.
run_shell()
{
	mkfifo "$RUN/out.pipe"
	helper cat "$RUN/out.pipe"
	say "the lab host's console: log in is automatic, poweroff or ^A X ends it"
	(in_build_root "${QEMU[@]}" -serial mon:stdio)
}

# keep_output STATUS OUT: of a run that failed and has no place for its output.
keep_output()
{
	local kept

	[ "$1" -ne 0 ] && [ -z "$2" ] || return 0
	kept=$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX")
	cp -a "$RUN/out/." "$kept/"
	say "status $1; console.log and what else was in /out: $kept"
}
