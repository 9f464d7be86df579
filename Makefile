# SPDX-License-Identifier: GPL-2.0-only
#
# mdev-pt out of tree. "make help" says what there is.

KDIR   ?= /lib/modules/$(shell uname -r)/build
BUILD  ?= build/host
KERNEL ?= all

CONFIG  := CONFIG_MDEV_PT_CORE=m CONFIG_MDEV_PT=m
CONFIG  += CONFIG_MDEV_PT_I40E_VF=m CONFIG_MDEV_PT_IGB_VF=m CONFIG_MDEV_PT_IGD=m
# What selftests and guests in the lab need beside it: EXTRA=1
CONFIG  += $(if $(EXTRA),CONFIG_SAMPLE_MDEV_PT=m CONFIG_MDEV_PT_TEST=m)
KBUILD   = $(MAKE) -C $(KDIR) M=$(abspath $(BUILD)) $(CONFIG) $(KFLAGS)

.PHONY: all modules tests install uninstall demo check check-long check-debug check-migration bench-access bench-migration shell clean help

all: modules

# Older kernels build external modules only beside their sources: give each
# kernel a tree of links of its own.
modules:
	@mkdir -p $(BUILD)/tests
	@find $(BUILD) -xtype l -delete
	@cp -rsf $(addprefix $(CURDIR)/,Kbuild drivers include samples) $(BUILD)/
	@cp -rsf $(CURDIR)/tests/modules $(BUILD)/tests/
	+$(KBUILD) modules

install: modules
	+$(KBUILD) modules_install
	$(MAKE) -C tools/mdevctl-profiles install DESTDIR=$(DESTDIR)

tests:
	$(MAKE) -C tests/selftests BUILD=$(abspath $(BUILD))/selftests

demo:
	tests/demo

check:
	tests/check $(if $(T),--test $(T)) $(KERNEL)

check-long:
	tests/check --long $(KERNEL)

check-debug:
	tests/check debug-lockdep debug-kasan

check-migration:
	tests/check-migration $(if $(HOSTS),--hosts) $(if $(filter-out all,$(KERNEL)),$(KERNEL))

bench-access:
	tests/bench/access.sh $(if $(filter-out all,$(KERNEL)),$(KERNEL))

bench-migration:
	tests/bench/migration.sh $(if $(filter-out all,$(KERNEL)),$(KERNEL))

shell:
	tests/lab/lab shell $(if $(filter-out all,$(KERNEL)),--kernel $(KERNEL)) --devices igb

clean:
	rm -rf build

help:
	@echo 'make              build the modules for the running kernel (KDIR=: for another)'
	@echo 'make install      install modules, mdevctl profiles and call-outs (DESTDIR=)'
	@echo 'make demo         the main job in a software lab: a VF becomes an mdev, libvirt'
	@echo '                  gives it to a guest, traffic passes, guests move; as root, about 9 minutes at first'
	@echo 'make check        static checks and selftests, kernels 6.1, 6.12 and 7.3; KERNEL=6.12: one'
	@echo '                  T=trap, T=trap.config_space, T=guest-i40e: one test'
	@echo 'make check-long   with all that is long and rare: 50 moves of guests, all rounds of all races'
	@echo 'make check-debug  the selftests on lockdep and KASAN kernels, which it builds first'
	@echo 'make check-migration  guests that move, under traffic, and that do not (KERNEL=, NIC=i40e;'
	@echo '                  HOSTS=y: to another host)'
	@echo 'make bench-access what an access costs, beside vfio-pci (KERNEL=)'
	@echo 'make bench-migration  what a live migration costs, beside virtio-net (KERNEL=)'
	@echo 'make shell        a shell in the lab host with the modules installed (KERNEL=)'
	@echo 'make clean        remove build/; tests/lab/lab clean: remove the cached lab'
