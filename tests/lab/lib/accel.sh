# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How the lab host's CPU is emulated. KVM is ten times as fast where it works,
# but a /dev/kvm that exists can still fail to boot a stock kernel, and the lab
# host needs virtualization of its own for the guest: so try it, once a boot of
# the machine. TCG always works: it emulates AMD-V with nested paging.

# accelerator: tcg or kvm. MDEV_PT_ACCEL decides without a try.
accelerator()
{
	local seen

	if [ -n "${MDEV_PT_ACCEL:-}" ]; then
		echo "$MDEV_PT_ACCEL"
		return
	fi
	seen=$CACHE/accelerator-$(cat /proc/sys/kernel/random/boot_id)
	# Several lab hosts are saved at once.
	{
		flock 9
		if [ ! -s "$seen" ]; then
			rm -f "$CACHE"/accelerator-*
			probe_kvm "$1" >"$CACHE/accelerator.new" 9>&-
			mv "$CACHE/accelerator.new" "$seen"
		fi
	} 9>"$CACHE/accelerator.lock"
	cat "$seen"
}

# probe_kvm KERNEL: boot its initrd, which says if it has virtualization.
probe_kvm()
{
	local kernel=$1 run output

	if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
		say "trying this machine's KVM (at most 20 s)"
		run=$(mktemp -d)
		add_init "$kernel/initrd" "$run/initrd"
		output=$(in_build_root timeout -s KILL 20 qemu-system-x86_64 -nodefaults -no-user-config \
			-display none -no-reboot -M q35,kernel-irqchip=split -accel kvm -cpu host -m 512M \
			-kernel "$kernel/vmlinuz" -initrd "$run/initrd" -serial stdio \
			-append 'console=ttyS0 quiet panic=-1 lab.probe' </dev/null 2>&1 | tr -d '\r') || :
		rm -rf "$run"
		if grep -qE 'lab: probe (svm|vmx)' <<<"$output"; then
			say "KVM works: using it"
			echo kvm
			return
		fi
		say "KVM does not boot a kernel with virtualization here: using TCG"
	fi
	echo tcg
}
