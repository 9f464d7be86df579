/* SPDX-License-Identifier: GPL-2.0-only */
/* Trace events of live migration: events/mdev_pt/ */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM mdev_pt

#if !defined(_MDEV_PT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _MDEV_PT_TRACE_H

#include <linux/device.h>
#include <linux/tracepoint.h>

#include "../compat.h"

/* States are the numbers of enum vfio_device_mig_state. */
TRACE_EVENT(mdev_pt_state,
	TP_PROTO(struct device *dev, unsigned int from, unsigned int to,
		 int ret),
	TP_ARGS(dev, from, to, ret),
	TP_STRUCT__entry(
		__string(dev, dev_name(dev))
		__field(unsigned int, from)
		__field(unsigned int, to)
		__field(int, ret)
	),
	TP_fast_assign(
		mdev_pt_assign_dev_name();
		__entry->from = from;
		__entry->to = to;
		__entry->ret = ret;
	),
	TP_printk("%s %u -> %u ret=%d", __get_str(dev), __entry->from,
		  __entry->to, __entry->ret)
);

DECLARE_EVENT_CLASS(mdev_pt_timed,
	TP_PROTO(struct device *dev, u64 us, int ret),
	TP_ARGS(dev, us, ret),
	TP_STRUCT__entry(
		__string(dev, dev_name(dev))
		__field(u64, us)
		__field(int, ret)
	),
	TP_fast_assign(
		mdev_pt_assign_dev_name();
		__entry->us = us;
		__entry->ret = ret;
	),
	TP_printk("%s us=%llu ret=%d", __get_str(dev), __entry->us,
		  __entry->ret)
);

DEFINE_EVENT(mdev_pt_timed, mdev_pt_quiesce,
	TP_PROTO(struct device *dev, u64 us, int ret),
	TP_ARGS(dev, us, ret)
);

DEFINE_EVENT(mdev_pt_timed, mdev_pt_resume,
	TP_PROTO(struct device *dev, u64 us, int ret),
	TP_ARGS(dev, us, ret)
);

/* mode: 0 off, 1 for a type1 container, 2 for the log of the device */
TRACE_EVENT(mdev_pt_tracking,
	TP_PROTO(struct device *dev, unsigned int mode),
	TP_ARGS(dev, mode),
	TP_STRUCT__entry(
		__string(dev, dev_name(dev))
		__field(unsigned int, mode)
	),
	TP_fast_assign(
		mdev_pt_assign_dev_name();
		__entry->mode = mode;
	),
	TP_printk("%s mode=%u", __get_str(dev), __entry->mode)
);

TRACE_EVENT(mdev_pt_dirty,
	TP_PROTO(struct device *dev, u64 iova, u64 len),
	TP_ARGS(dev, iova, len),
	TP_STRUCT__entry(
		__string(dev, dev_name(dev))
		__field(u64, iova)
		__field(u64, len)
	),
	TP_fast_assign(
		mdev_pt_assign_dev_name();
		__entry->iova = iova;
		__entry->len = len;
	),
	TP_printk("%s iova=0x%llx len=%llu", __get_str(dev), __entry->iova,
		  __entry->len)
);

#endif /* _MDEV_PT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
