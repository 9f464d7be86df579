# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab host's QEMU command line.
#
# shellcheck disable=SC2054 # QEMU's options have commas

# qemu_command RUN KERNEL MEMORY APPEND: sets QEMU to the command. The memory is
# shareable because a device model in a process of its own (vfio-user) maps it;
# caching-mode is what tells such a model of new mappings.
#
# On the kernel's command line no_timer_check and tsc=reliable: on a busy machine
# TCG's timers come late, which is no reason to panic or to drop the TSC.
qemu_command()
{
	local run=$1 kernel=$2 memory=$3 append=$4 accelerator=(-accel tcg,thread=multi,tb-size=1024
								-cpu max,la57=off)

	[ "$(accelerator "$kernel")" != kvm ] || accelerator=(-accel kvm -cpu host)
	QEMU=(qemu-system-x86_64 -name lab -nodefaults -no-user-config -display none -no-reboot
	      "${accelerator[@]}" -smp 2
	      -machine q35,kernel-irqchip=split,memory-backend=mem
	      -object "memory-backend-memfd,id=mem,size=$memory,share=on"
	      -device intel-iommu,intremap=on,caching-mode=on
	      -kernel "$kernel/vmlinuz" -initrd "$run/initrd"
	      -append "console=ttyS0,115200 intel_iommu=on mitigations=off no_timer_check tsc=reliable panic=-1 systemd.show_status=auto $append"
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
	QEMU+=("${QEMU_DEVICES[@]}")
}

# The command's output, and a monitor that the lab host itself can use (lab-qmp):
# that port's other end is a socket, to which the monitor connects.
qemu_ports()
{
	QEMU+=(-device virtio-serial-pci
	       -chardev "file,id=out,path=$1/out.pipe" -device virtserialport,chardev=out,name=lab.out
	       -chardev "socket,id=qmp-port,path=$1/qmp-port,server=on,wait=off"
	       -device virtserialport,chardev=qmp-port,name=lab.qmp
	       -chardev "socket,id=qmp,path=$1/qmp-port,reconnect-ms=500"
	       -object monitor-qmp,id=monitor,chardev=qmp)
}

# qemu_share NAME PATH OPTION
qemu_share()
{
	QEMU+=(-fsdev "local,id=$1,path=$2,security_model=none,multidevs=remap,$3"
	       -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}
