// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lab host's guest gets each of its interrupts once
 *
 * QEMU's TCG has a fault: after VMRUN has injected an interrupt the CPU's
 * exception_index still says so, until the next #VMEXIT. If its thread is kicked
 * for something else before that, the guest gets the interrupt again, even while it
 * has interrupts disabled: it may triple fault, or stand. Seen with 10.2.2 in
 * the course of migrations, some times in 16, by a message put where exceptions are
 * delivered; x86_cpu_exec_interrupt() and helper_vmrun() tell why.
 *
 * So there is an interrupt for the host on each such VMRUN: the guest exits
 * before its first instruction, and nobody can have kicked it in between.
 */

#include <linux/irq_work.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/tracepoint.h>

extern struct tracepoint __tracepoint_kvm_entry;

static void exits(struct irq_work *work)
{
}

static DEFINE_PER_CPU(struct irq_work, kick);

/* With interrupts disabled, so ours comes when the guest runs. */
static void entry(void *data, struct kvm_vcpu *vcpu)
{
	if (vcpu->arch.interrupt.injected)
		irq_work_queue(this_cpu_ptr(&kick));
}

static int __init lab_inject_init(void)
{
	struct irq_work *work;
	int cpu;

	for_each_possible_cpu(cpu) {
		work = per_cpu_ptr(&kick, cpu);
		*work = IRQ_WORK_INIT_HARD(exits);
	}
	return tracepoint_probe_register(&__tracepoint_kvm_entry, entry, NULL);
}
module_init(lab_inject_init);

static void __exit lab_inject_exit(void)
{
	int cpu;

	tracepoint_probe_unregister(&__tracepoint_kvm_entry, entry, NULL);
	tracepoint_synchronize_unregister();
	for_each_possible_cpu(cpu)
		irq_work_sync(per_cpu_ptr(&kick, cpu));
}
module_exit(lab_inject_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Interrupts for KVM's guests under an emulated processor, each once");
