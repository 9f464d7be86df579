# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot the lab host, for a command or for a shell. A run has a directory of its
# own in the cache: overlay disks, sockets, and the share that the lab host sees
# as /lab. All of it goes when the run ends.

RUN=
BEGAN=
QEMU_BEGAN=
KERNEL=
IMAGE=
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

# prepare_run KERNEL-NAME OUT: sets RUN, KERNEL, IMAGE, GUEST. Without OUT what the lab
# host writes to /out is kept only if the command fails (keep_output).
prepare_run()
{
	local out=$2

	IMAGE=$(host_image)
	KERNEL=$(kernel "$1")
	GUEST=$(guest)
	hold "$IMAGE" "$KERNEL" "$GUEST"
	new_run
	trap end_run EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	make_run_directory "$RUN"
	if [ -n "$out" ]; then
		mkdir -p "$out"
		rmdir "$RUN/out"
		ln -s "$(readlink -f "$out")" "$RUN/out"
	fi
	share_modules "$1"
}

# new_run: sets RUN. The lock keeps another lab, which starts now, from taking it for
# one that was killed outright and could not clean up.
new_run()
{
	local lock

	mkdir -p "$CACHE/run"
	exec {lock}>"$CACHE/run.lock"
	flock "$lock"
	discard_unheld "$CACHE"/run/*
	RUN=$(mktemp -d "$CACHE/run/XXXXXX")
	hold "$RUN"
	exec {lock}>&-
}

# What QEMU's command line names
make_run_directory()
{
	mkdir -p "$1/share/guest" "$1/share/stages" "$1/out"
	# The lab host's services are not all root.
	chmod 755 "$1" "$1/share"
}

# make_disks ROOT MODULES FORMAT DIR: overlays of these
make_disks()
{
	# shellcheck disable=SC2016 # the inner shell's arguments
	(in_build_root sh -euc '
		qemu-img create -q -f qcow2 -F "$3" -b "$1" "$4/root.qcow2"
		qemu-img create -q -f qcow2 -F "$3" -b "$2" "$4/modules.qcow2"' \
		sh "$@") || die "cannot make the lab host's disks"
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

# run_command SECONDS BOOTED APPEND COMMAND...: the lab host's command and its status.
# With BOOTED it begins where that was saved.
run_command()
{
	local timeout=$1 booted=$2 append=$3 deadline=$((SECONDS + $1)) status=0

	shift 3
	printf '%q ' "$@" >"$RUN/share/command"
	rm -f "$RUN/out/console.log"
	if [ -n "$booted" ]; then
		make_disks "$booted/root.qcow2" "$booted/modules.qcow2" qcow2 "$RUN"
	else
		make_disks "$IMAGE/root.img" "$KERNEL/modules.img" raw "$RUN"
	fi
	while :; do
		qemu_machine "$RUN" "$KERNEL" "$memory" "$append"
		boot_once "$((deadline - SECONDS))" "$booted" || status=$?
		if [ "$status" -ne 0 ]; then
			say "timeout after $timeout s"
			explain_end
			return "$STATUS_TIMEOUT"
		fi
		[ -e "$RUN/share/rebooting" ] || break
		rm "$RUN/share/rebooting"
		say "the lab host reboots"
		booted=
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
	cp "$RUN/qemu.log" "$RUN/out/"
	say "the end of the console:"
	tail -n 40 "$RUN/out/console.log" | tr -d '\r' >&2
}

# boot_once SECONDS BOOTED: one QEMU, until it ends; fails if it had to be ended.
boot_once()
{
	local reader sleeper writer ended='' booted=$2

	if [ -n "$booted" ]; then
		qemu_devices
		QEMU+=(-incoming defer)
	else
		qemu_devices_plugged
	fi
	start_qemu
	helper cat "$RUN/out.pipe"
	reader=$!
	helper sleep "$1"
	sleeper=$!
	if [ -n "$booted" ] && ! go_on "$booted"; then
		say "the lab host does not go on from $booted"
		kill -KILL "$QEMU_PID" 2>/dev/null
	fi
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

start_qemu()
{
	QEMU_BEGAN=$EPOCHREALTIME
	(in_build_root "${QEMU[@]}" -serial chardev:console \
		-chardev "file,id=console,path=$RUN/out/console.log,append=on") </dev/null >"$RUN/qemu.log" 2>&1 &
	QEMU_PID=$!
}

# note_times: OUT/times, for people who ask where the time goes: "STAGE SECONDS", since
# 1970. QEMU starts, the firmware has ended, the initrd, systemd ("up") or the lab host
# went on where it was saved ("resumed"), the command starts and has ended, QEMU is off.
# "cpu": seconds of all processes together. After a reboot it is that of the last boot.
note_times()
{
	local ended=$EPOCHREALTIME stage file stat

	[ -d "$RUN/out" ] || return 0
	read -r -a stat </proc/$$/stat
	{
		echo "begin $BEGAN"
		echo "qemu $QEMU_BEGAN"
		for file in "$RUN"/share/stages/*; do
			[ -e "$file" ] || continue
			stage=${file##*/}
			echo "$stage $(stat -c %.3Y "$file")"
			[ "$stage" != initrd ] || echo "firmware $(stat -c %.3Y "$file") $(cat "$file")" | awk '{ printf "%s %.3f\n", $1, $2 - $3 }'
		done
		echo "off $ended"
		echo "cpu $(((stat[15] + stat[16]) / 100))"
	} >"$RUN/out/times"
}

# helper COMMAND...: in the background, and not longer than this shell.
helper()
{
	setpriv --pdeathsig KILL -- "$@" &
	HELPERS+=($!)
}

# run_shell APPEND: the serial console is this terminal; ^A X ends it.
run_shell()
{
	make_disks "$IMAGE/root.img" "$KERNEL/modules.img" raw "$RUN"
	qemu_machine "$RUN" "$KERNEL" "$memory" "$1"
	qemu_devices_plugged
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
