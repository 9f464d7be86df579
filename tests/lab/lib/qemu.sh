# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab host's QEMU: its command line, and its monitor.
#
# shellcheck disable=SC2054 # QEMU's options have commas

# Root ports: rp0 is bus 1, and so on.
readonly PORTS=12
# Of bus 0, for conventional devices. QEMU's DMAR names each function that is there when
# it boots; another one would have no IOMMU.
readonly CONVENTIONAL_PLACES=(0x18 0x19 0x1a 0x1b)
# For two functions in one IOMMU group
readonly PAIR_PLACE=0x1c

# The kernel's command line. no_timer_check and tsc=reliable: on a busy machine TCG's
# timers come late, which is no reason to panic or to drop the TSC.
readonly COMMAND_LINE='console=ttyS0,115200 intel_iommu=on mitigations=off no_timer_check tsc=reliable panic=-1 systemd.show_status=auto'

# qemu_machine RUN KERNEL MEMORY APPEND: sets QEMU to the command, without any device
# that a run can choose. The memory is shareable because a device model in a process
# of its own (vfio-user) maps it; caching-mode is what tells such a model of new
# mappings. vmgenid: that random numbers are not those of an earlier run.
qemu_machine()
{
	local run=$1 kernel=$2 memory=$3 append=$4 accelerator=(-accel tcg,thread=multi,tb-size=1024
								-cpu max,la57=off)

	[ "$(accelerator "$kernel")" != kvm ] || accelerator=(-accel kvm -cpu host)
	QEMU=(qemu-system-x86_64 -name lab -nodefaults -no-user-config -display none -no-reboot
	      "${accelerator[@]}" -smp 2
	      -machine q35,kernel-irqchip=split,memory-backend=mem
	      -object "memory-backend-memfd,id=mem,size=$memory,share=on"
	      -device intel-iommu,intremap=on,caching-mode=on
	      -device vmgenid,guid=auto
	      -kernel "$kernel/vmlinuz" -initrd "$run/initrd"
	      -append "$COMMAND_LINE $append"
	      -drive "file=$run/root.qcow2,if=none,id=root,cache=unsafe"
	      -device virtio-blk-pci,drive=root
	      -drive "file=$run/modules.qcow2,if=none,id=modules,cache=unsafe"
	      -device virtio-blk-pci,drive=modules
	      -device virtio-rng-pci)
	add_init "$kernel/initrd" "$run/initrd"
	qemu_ports "$run"
	qemu_share src "$CHECKOUT" readonly=on
	qemu_share lab "$run/share" readonly=off
	# Read-only, so that libvirt doesn't change the owner of cached files.
	qemu_share guest "$GUEST" readonly=on
	qemu_share out "$run/out" readonly=off
	qemu_root_ports
}

# The command's output; what lets a saved lab host go on; and two monitors, one for
# the lab host itself (lab-qmp): that port's other end is a socket, to which the
# monitor connects; and one for `lab`.
qemu_ports()
{
	mkfifo "$1/out.pipe" "$1"/{control,monitor}.{in,out} 2>/dev/null || :
	QEMU+=(-device virtio-serial-pci
	       -chardev "file,id=out,path=$1/out.pipe" -device virtserialport,chardev=out,name=lab.out
	       -chardev "pipe,id=control,path=$1/control" -device virtserialport,chardev=control,name=lab.control
	       -chardev "socket,id=qmp-port,path=$1/qmp-port,server=on,wait=off"
	       -device virtserialport,chardev=qmp-port,name=lab.qmp
	       -chardev "socket,id=qmp,path=$1/qmp-port,reconnect-ms=500"
	       -object monitor-qmp,id=monitor,chardev=qmp
	       -chardev "pipe,id=lab-monitor,path=$1/monitor" -mon chardev=lab-monitor,mode=control)
}

# qemu_share NAME PATH OPTION
qemu_share()
{
	QEMU+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap,$3"
	       -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# Ports for I/O are few: the first ones have them.
qemu_root_ports()
{
	local port io=''

	for ((port = 0; port < PORTS; port++)); do
		[ "$port" -lt 6 ] || io=,io-reserve=0
		QEMU+=(-device "pcie-root-port,id=rp$port,bus=pcie.0,chassis=$((port + 1)),slot=$((port + 1)),mem-reserve=8M,pref64-reserve=256M$io")
	done
}

# qemu_place_holders: what is there when the lab host boots to be saved
qemu_place_holders()
{
	local place

	for place in "${CONVENTIONAL_PLACES[@]}"; do
		QEMU+=(-device "edu,bus=pcie.0,addr=$place")
	done
	QEMU+=(-device "edu,bus=pcie.0,addr=$PAIR_PLACE.0,multifunction=on" -device "edu,bus=pcie.0,addr=$PAIR_PLACE.1")
}

# qemu_devices: the run's devices, as far as they are there from the start
# qemu_devices_plugged: the others, too
qemu_devices()
{
	local device

	QEMU+=("${BACKENDS[@]}")
	for device in "${CONVENTIONAL[@]}"; do
		QEMU+=(-device "$device")
	done
}

qemu_devices_plugged()
{
	local device

	qemu_devices
	for device in "${PLUGGED[@]}"; do
		QEMU+=(-device "$device")
	done
}

# qmp_open RUN: the monitor of the QEMU with QEMU_PID. Of a stream without mapped-ram
# each page of zeroes is looked at by who loads it, and takes memory from then on.
qmp_open()
{
	# Also for writing: opening does not wait then for QEMU.
	exec {QMP_IN}<>"$1/monitor.in" {QMP_OUT}<>"$1/monitor.out"
	qmp qmp_capabilities && qmp migrate-set-capabilities '{"capabilities":[
		{"capability":"events","state":true},{"capability":"mapped-ram","state":true}]}'
}

qmp_close() { exec {QMP_IN}>&- {QMP_OUT}>&-; }

# qmp_line PATTERN: wait for a line of the monitor; sets QMP_LINE.
qmp_line()
{
	while kill -0 "$QEMU_PID" 2>/dev/null; do
		while read -r -t 5 -u "$QMP_OUT" QMP_LINE; do
			[[ ! $QMP_LINE =~ $1 ]] || return 0
		done
	done
	return 1
}

# qmp COMMAND [ARGUMENTS-JSON]: fails if QEMU refuses.
qmp()
{
	local arguments=${2:-\{\}}

	printf '{"execute":"%s","arguments":%s,"id":"lab"}\n' "$1" "$arguments" >&"$QMP_IN"
	qmp_line '"id": "lab"' || return
	case $QMP_LINE in
	*'"error": '*)	printf 'QEMU: %s: %s\n' "$1" "$QMP_LINE" >&2; return 1 ;;
	esac
}

# migration_ends: well, if this succeeds
migration_ends()
{
	qmp_line '"event": "MIGRATION".*"status": "(completed|failed)"' && [[ $QMP_LINE = *'"completed"'* ]]
}
