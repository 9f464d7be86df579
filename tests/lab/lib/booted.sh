# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A lab host that has booted, once for each kernel: `lab run` goes on from there, in a
# fifth of the time. It is saved without devices and without the shares of a run: both
# come when it goes on (host/start). In $CACHE/booted/NAME-KEY/:
#
#	state			memory and devices, a migration stream of QEMU's
#	root.qcow2, modules.qcow2	what it has written to its disks

readonly SAVED_MEMORY=4G
readonly RUN_APPEND='systemd.mask=serial-getty@ttyS0.service'

# booted NAME: the directory of that kernel's; nothing with KVM, which boots as quickly,
# and whose state is of one machine's CPU. The disks count with when they were made: one
# that was made again from the same recipe is not the one that the saved kernel knows.
booted()
{
	local image kernel root

	image=$(host_image)
	kernel=$(kernel "$1")
	[ "$(accelerator "$kernel")" = tcg ] || return 0
	root=$(build_root)
	artefact "booted/$1" "$(recipe_key "$image" "$kernel" "$root" "$LAB"/initrd/* \
				"$(stat -c '%i %Y' "$image/root.img" "$kernel/modules.img")" \
				"$(declare -f qmp_open qemu_machine qemu_ports qemu_share qemu_root_ports save)" \
				"$(declare -f qemu_place_holders)" \
				"$COMMAND_LINE" "$RUN_APPEND" "$PORTS" "${CONVENTIONAL_PLACES[*]}" "$PAIR_PLACE")" 40 save_booted "$kernel" "$image"
}

save_booted()
{
	RUN=$1 KERNEL=$2 IMAGE=$3 GUEST=$(guest)
	trap end_save EXIT
	make_run_directory "$RUN"
	make_disks "$IMAGE/root.img" "$KERNEL/modules.img" raw "$RUN"
	qemu_machine "$RUN" "$KERNEL" "$SAVED_MEMORY" "$RUN_APPEND oops=panic lab.save"
	qemu_place_holders
	start_qemu
	save || { cat "$RUN/qemu.log"; tail -n 40 "$RUN/out/console.log"; return 1; }
	mv "$RUN/out/console.log" "$RUN/"
	rm -rf "$RUN"/{share,out,initrd,*.in,*.out,out.pipe,qmp-port,qemu.log}
}

end_save() { [ -z "$QEMU_PID" ] || kill -KILL "$QEMU_PID" 2>/dev/null || :; }

# The lab host says when it is ready, and waits.
save()
{
	local said

	exec {READY}<>"$RUN/out.pipe"
	until read -r -t 10 -u "$READY" said; do
		kill -0 "$QEMU_PID" 2>/dev/null || return
	done
	[ "$said" = ready ] || return
	qmp_open "$RUN" && qmp stop &&
		qmp migrate "{\"uri\":\"file:$RUN/state\"}" && migration_ends && qmp quit || return
	wait "$QEMU_PID" || :
	QEMU_PID=
	qmp_close
	exec {READY}>&-
}

# go_on BOOTED: a QEMU that was started with -incoming defer
go_on()
{
	local device

	qmp_open "$RUN" && qmp migrate-incoming "{\"uri\":\"file:$1/state\"}" && migration_ends || return
	for device in "${PLUGGED[@]}"; do
		qmp device_add "$device" || return
	done
	printf '%s\n' "${PLUGGED[@]}" | sed '/^$/d' >"$RUN/share/plugged"
	[ ${#CONVENTIONAL[@]} = 0 ] || : >"$RUN/share/rescan"
	qmp cont && date +%s >"$RUN/control.in"
	qmp_close
}
