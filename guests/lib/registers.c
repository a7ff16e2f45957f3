/* SPDX-License-Identifier: MIT
 *
 * Proof that struct virtual_registers is the page that denali.h describes.
 */
#include "guest.h"

#define SAME(field, offset) _Static_assert(offsetof(struct virtual_registers, field) == (offset), #field)

SAME(magic, DENALI_REG_MAGIC);
SAME(abi_version, DENALI_REG_ABI_VERSION);
SAME(vm_id, DENALI_REG_VM_ID);
SAME(cpu_khz, DENALI_REG_CPU_KHZ);
SAME(memory_size, DENALI_REG_MEMORY_SIZE);
SAME(image_end, DENALI_REG_IMAGE_END);
SAME(args, DENALI_REG_ARGS);
SAME(features, DENALI_REG_FEATURES);
SAME(time_ns, DENALI_REG_TIME_NS);
SAME(time_tsc, DENALI_REG_TIME_TSC);
SAME(irq_enabled, DENALI_REG_IRQ_ENABLED);
SAME(irq_pending, DENALI_REG_IRQ_PENDING);
SAME(irq_handler, DENALI_REG_IRQ_HANDLER);
SAME(exc_handler, DENALI_REG_EXC_HANDLER);
SAME(exc_number, DENALI_REG_EXC_NUMBER);
SAME(exc_error, DENALI_REG_EXC_ERROR);
SAME(exc_address, DENALI_REG_EXC_ADDRESS);
SAME(kernel_stack, DENALI_REG_KERNEL_STACK);
SAME(fs_base, DENALI_REG_FS_BASE);
SAME(gs_base, DENALI_REG_GS_BASE);
SAME(timer_deadline, DENALI_REG_TIMER_DEADLINE);
SAME(nic_mac, DENALI_REG_NIC_MAC);
SAME(nic_mtu, DENALI_REG_NIC_MTU);
SAME(nic_rx_waiting, DENALI_REG_NIC_RX_WAITING);
SAME(nic_rx_dropped, DENALI_REG_NIC_RX_DROPPED);
SAME(nic_tx_free, DENALI_REG_NIC_TX_FREE);
SAME(disk_count, DENALI_REG_DISK_COUNT);
SAME(disks, DENALI_REG_DISKS);
