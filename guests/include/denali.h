/* SPDX-License-Identifier: MIT
 *
 * The Denali virtual architecture, as constants: the one definition shared by the emulator and by guests
 * (C and assembly). docs/architecture.md is the text that goes with it. A change to the meaning of anything
 * here bumps DENALI_ABI_VERSION.
 */
#ifndef DENALI_ABI_H
#define DENALI_ABI_H

#define DENALI_MAGIC       0x494C4E44 /* "DNLI" */
#define DENALI_ABI_VERSION 1

#define DENALI_PAGE_SIZE  4096
#define DENALI_IMAGE_BASE 0x1000 /* page 0 belongs to the virtual registers */

/* An image may have notes (PT_NOTE) of this name, without a description. */
#define DENALI_NOTE_NAME    "denali"
#define DENALI_NOTE_NETWORK 1 /* type: the program is of use only with a network outside */

/* Offsets in page 0, the virtual register page. In brackets: width in bits, who writes. */
#define DENALI_REG_MAGIC          0x000 /* [32, boot] DENALI_MAGIC */
#define DENALI_REG_ABI_VERSION    0x004 /* [32, boot] DENALI_ABI_VERSION */
#define DENALI_REG_VM_ID          0x008 /* [32, boot] index of this machine, from 0 */
#define DENALI_REG_CPU_KHZ        0x00C /* [32, boot] clock of the simulated CPU */
#define DENALI_REG_MEMORY_SIZE    0x010 /* [32, boot] bytes accessible from address 0 */
#define DENALI_REG_IMAGE_END      0x014 /* [32, boot] first free byte after the image */
#define DENALI_REG_ARGS           0x018 /* [32, boot] address of the argument string */
#define DENALI_REG_FEATURES       0x01C /* [32, boot] DENALI_FEATURE_* */
#define DENALI_REG_TIME_NS        0x020 /* [64, crossing] ns since 1970 at the last crossing */
#define DENALI_REG_TIME_TSC       0x028 /* [64, crossing] TSC at that moment */
#define DENALI_REG_IRQ_ENABLED    0x030 /* [32, guest and kernel] 0 = masked */
#define DENALI_REG_IRQ_PENDING    0x034 /* [32, crossing and guest] DENALI_IRQ_* batch */
#define DENALI_REG_IRQ_HANDLER    0x038 /* [32, guest] entry point, 0 = interrupts stay pending */
#define DENALI_REG_EXC_HANDLER    0x03C /* [32, guest] entry point, 0 = an exception ends the machine */
#define DENALI_REG_EXC_NUMBER     0x040 /* [32, kernel] DENALI_EXC_* */
#define DENALI_REG_EXC_ERROR      0x044 /* [32, kernel] INT n: n; memory: DENALI_FAULT_* */
#define DENALI_REG_EXC_ADDRESS    0x048 /* [32, kernel] faulting address */
#define DENALI_REG_KERNEL_STACK   0x04C /* [32, guest] ESP for user-to-kernel entry (MMU only) */
#define DENALI_REG_FS_BASE        0x050 /* [32, guest] */
#define DENALI_REG_GS_BASE        0x054 /* [32, guest] */
#define DENALI_REG_TIMER_DEADLINE 0x058 /* [64, guest] system time, ns; armed by OUT TIMER */
#define DENALI_REG_NIC_MAC        0x060 /* [48, boot] 02:44:4E, then vm_id in 24 bits, big-endian */
#define DENALI_REG_NIC_MTU        0x066 /* [16, boot] */
#define DENALI_REG_NIC_RX_WAITING 0x068 /* [32, crossing] frames in the receive queue */
#define DENALI_REG_NIC_RX_DROPPED 0x06C /* [32, crossing] frames lost: the queue was full */
#define DENALI_REG_NIC_TX_FREE    0x070 /* [32, crossing] free slots of the transmit queue */
#define DENALI_REG_DISK_COUNT     0x074 /* [32, boot] */
#define DENALI_REG_DISKS          0x080 /* [16 x {32 blocks, 32 flags}, boot] */
#define DENALI_REG_ARGS_TEXT      0x800 /* the argument string, NUL-terminated */
#define DENALI_ARGS_MAX           2047  /* bytes, without the NUL */

#define DENALI_FEATURE_MMU        1
#define DENALI_FEATURE_SUPERVISOR 2

/* Interrupt sources: one bit each in IRQ_PENDING. */
#define DENALI_IRQ_TIMER      0x01
#define DENALI_IRQ_NIC_RX     0x02
#define DENALI_IRQ_NIC_TX     0x04
#define DENALI_IRQ_DISK       0x08
#define DENALI_IRQ_KEYBOARD   0x10
#define DENALI_IRQ_SUPERVISOR 0x20

/* Exception numbers: the vectors of x86 where it has one (Intel SDM vol. 3, table 6-1). */
#define DENALI_EXC_DIVIDE         0
#define DENALI_EXC_BREAKPOINT     3
#define DENALI_EXC_OVERFLOW       4
#define DENALI_EXC_BOUND          5
#define DENALI_EXC_ILLEGAL        6
#define DENALI_EXC_PROTECTION     13
#define DENALI_EXC_MEMORY         14
#define DENALI_EXC_X87            16 /* pending, unmasked */
#define DENALI_EXC_SIMD           19 /* SSE floating point, unmasked in MXCSR */
#define DENALI_EXC_TLB_MISS       32
#define DENALI_EXC_TLB_PROTECTION 33
#define DENALI_EXC_INT_N          48 /* INT n; EXC_ERROR = n, EIP after the instruction */

/* EXC_ERROR of exceptions 14, 32 and 33. */
#define DENALI_FAULT_PRESENT 0x01
#define DENALI_FAULT_WRITE   0x02
#define DENALI_FAULT_USER    0x04
#define DENALI_FAULT_FETCH   0x10

/* Ports. */
#define DENALI_PORT_CONSOLE        0x10 /* outb, rep outsb: write bytes */
#define DENALI_PORT_KEYBOARD       0x14 /* inl: next key event, 0 = none */
#define DENALI_PORT_TIMER          0x18 /* outl: 1 arms TIMER_DEADLINE, 0 disarms */
#define DENALI_PORT_NIC            0x20 /* rep outsb: send a frame; rep insb: receive one */
#define DENALI_PORT_DISK           0x30 /* outl: starts the request at this address */
#define DENALI_PORT_DISK_DONE      0x34 /* inl: address of a completed request, 0 = none */
#define DENALI_PORT_SUPERVISOR     0x40 /* outl: address of a request; inl: a machine with news, 0 = none */
#define DENALI_PORT_MMU_CONTROL    0x50 /* inl, outl: DENALI_MMU_ON */
#define DENALI_PORT_MMU_ASID       0x51 /* inl, outl: the present address space, 0-255 */
#define DENALI_PORT_MMU_INDEX      0x52 /* inl, outl: the entry that PAGE and FRAME concern, 0-63 */
#define DENALI_PORT_MMU_PAGE       0x53 /* outl: the page word of the next entry written; inl: of the entry */
#define DENALI_PORT_MMU_FRAME      0x54 /* outl: writes the entry, INDEX advances; inl: its frame word */
#define DENALI_PORT_MMU_PROBE      0x55 /* outl: looks a page word up, INDEX := the entry; inl: it, all ones = none */
#define DENALI_PORT_MMU_FLUSH      0x56 /* outl: ASID whose entries become invalid, or DENALI_MMU_FLUSH_ALL */
#define DENALI_PORT_MMU_FLUSH_PAGE 0x57 /* outl: a page word whose entry becomes invalid */
#define DENALI_PORT_MMU_ENTRIES    0x58 /* inl: how many there are */
#define DENALI_PORT_DEBUG          0xE9 /* outb: byte to the host's diagnostic log */

/* A key event (KEYBOARD): pressed, modifiers, code point. */
#define DENALI_KEY_PRESSED   0x80000000
#define DENALI_KEY_MODIFIERS 0x7F000000
#define DENALI_KEY_CODE      0x00FFFFFF
#define DENALI_KEY_USB       0x00E00000 /* + USB HID usage: a key without a character */

/* NIC limits: an Ethernet frame without its checksum. */
#define DENALI_NIC_MTU   1500
#define DENALI_FRAME_MIN 14
#define DENALI_FRAME_MAX 1514

/* Disks: blocks, and requests of six words: op, disk, block, buffer, tag, status. */
#define DENALI_DISKS               16 /* at most */
#define DENALI_DISK_BLOCK          4096
#define DENALI_DISK_READ_ONLY      1 /* flag in REG_DISKS */
#define DENALI_DISK_READ           0 /* op */
#define DENALI_DISK_WRITE          1
#define DENALI_DISK_FLUSH          2
#define DENALI_DISK_REQUEST_SIZE   24
#define DENALI_DISK_REQUEST_STATUS 20 /* offset of the status */
#define DENALI_DISK_COMPLETE       1  /* status; else one of these, negative */

/* The MMU (feature bit 0). An entry is two words. Page word: the virtual page in bits 31-12, the ASID in bits 7-0.
 * Frame word: the physical page in bits 31-12, and these. */
#define DENALI_MMU_VALID    0x01
#define DENALI_MMU_WRITABLE 0x02
#define DENALI_MMU_USER     0x04
#define DENALI_MMU_GLOBAL   0x08 /* the ASID does not matter */

#define DENALI_MMU_ON        0x01  /* MMU_CONTROL: translation is on */
#define DENALI_MMU_FLUSH_ALL 0x100 /* MMU_FLUSH: of every ASID, and global ones */
#define DENALI_MMU_ENTRIES   64
#define DENALI_MMU_ASID_MASK 0xFF
#define DENALI_MMU_BYPASS    0xF0000000 /* from here up, kernel mode sees physical memory from 0 up, user mode nothing */

/* The supervisor (feature bit 1). A request is twelve 32-bit words, at these offsets. In brackets: who writes. */
#define DENALI_REQUEST_OP         0x00 /* [guest] DENALI_SUPERVISOR_* */
#define DENALI_REQUEST_STATUS     0x04 /* [kernel] 0 or what the operation returns; on failure minus a DENALI_E* */
#define DENALI_REQUEST_MACHINE    0x08 /* [guest; CREATE: kernel] handle of a machine */
#define DENALI_REQUEST_LOST       0x0C /* [kernel] READ: bytes lost since the last READ */
#define DENALI_REQUEST_BUFFER     0x10 /* [guest] address of text, bytes, events or entries */
#define DENALI_REQUEST_LENGTH     0x14 /* [guest] bytes in the buffer */
#define DENALI_REQUEST_IMAGE      0x18 /* [guest] CREATE and IMAGE: number of an image; CREATE: DENALI_IMAGE_DISK */
#define DENALI_REQUEST_DISK       0x1C /* [guest] CREATE from a disk: which */
#define DENALI_REQUEST_BLOCK      0x20 /* [guest] CREATE from a disk: the block where the image begins */
#define DENALI_REQUEST_MEMORY     0x24 /* [guest] CREATE: bytes, 0 = as the supervisor has */
#define DENALI_REQUEST_DISKS      0x28 /* [guest] CREATE: address of the numbers of the disks it gets, 32 bits each */
#define DENALI_REQUEST_DISK_COUNT 0x2C /* [guest] CREATE: how many */
#define DENALI_REQUEST_SIZE       0x30

#define DENALI_SUPERVISOR_CREATE  1 /* a machine, stopped; the buffer has its argument string */
#define DENALI_SUPERVISOR_START   2
#define DENALI_SUPERVISOR_STOP    3
#define DENALI_SUPERVISOR_DESTROY 4
#define DENALI_SUPERVISOR_LIST    5 /* entries of the machines from that index up; returns how many */
#define DENALI_SUPERVISOR_REASON  6 /* why it failed, as text; returns its length */
#define DENALI_SUPERVISOR_READ    7 /* what it wrote to its console, oldest first; returns how many bytes */
#define DENALI_SUPERVISOR_TYPE    8 /* key events of 32 bits; returns how many its keyboard took */
#define DENALI_SUPERVISOR_IMAGE   9 /* the name of an image; returns its length */

#define DENALI_IMAGE_OWN  0          /* the one the supervisor booted; those with names follow */
#define DENALI_IMAGE_DISK 0xFFFFFFFF /* CREATE: on a disk */

/* A handle: the index in bits 23-0, and above it a number that changes when the index is given to another machine. */
#define DENALI_HANDLE_INDEX 0x00FFFFFF

/* An entry of LIST. */
#define DENALI_ENTRY_MACHINE      0x00 /* handle */
#define DENALI_ENTRY_STATE        0x04 /* DENALI_STATE_* */
#define DENALI_ENTRY_EXIT_STATUS  0x08 /* TERMINATED */
#define DENALI_ENTRY_MEMORY       0x0C /* bytes */
#define DENALI_ENTRY_INSTRUCTIONS 0x10 /* 64 bits: how many it has executed */
#define DENALI_ENTRY_CONSOLE      0x18 /* bytes that READ would give */
#define DENALI_ENTRY_LOST         0x1C /* bytes lost before them */
#define DENALI_ENTRY_SIZE         0x20

#define DENALI_STATE_STOPPED    0 /* not started yet, or stopped */
#define DENALI_STATE_READY      1
#define DENALI_STATE_IDLE       2
#define DENALI_STATE_TERMINATED 3
#define DENALI_STATE_FAILED     4

/* Why a request to a disk or to the supervisor failed, with the numbers of Linux. */
#define DENALI_EPERM   1  /* the supervisor may not do that to itself */
#define DENALI_ENOENT  2  /* no such image */
#define DENALI_ESRCH   3  /* no such machine (any more) */
#define DENALI_EIO     5  /* the disk could not */
#define DENALI_E2BIG   7  /* the argument string is too long */
#define DENALI_ENOEXEC 8  /* no image, or the memory is too small for it */
#define DENALI_EAGAIN  11 /* too many requests, or machines: this one was not started */
#define DENALI_ENOMEM  12 /* no memory for it: physical frames, or the host's */
#define DENALI_EFAULT  14 /* the buffer is not in memory */
#define DENALI_EBUSY   16 /* another machine writes that disk */
#define DENALI_ENODEV  19 /* no such disk */
#define DENALI_EINVAL  22 /* a number that cannot be: block, operation, size */
#define DENALI_ENOSPC  28 /* no room to keep what was written */
#define DENALI_EROFS   30 /* the disk is read-only */
#define DENALI_EPIPE   32 /* the machine has ended */
#define DENALI_ENOSYS  38 /* no such operation of the supervisor */

/* The selectors pushed in an interrupt frame. */
#define DENALI_CS_KERNEL 0x08
#define DENALI_CS_USER   0x1B
#define DENALI_SS_USER   0x23

/* The two virtual instructions, as bytes for .byte: 0F 3F, then one of these. */
#define DENALI_OP_IDLE      0x00 /* EDX:EAX = timeout in ns, all ones = none, 0 = yield; EAX := irq_pending or 0 */
#define DENALI_OP_TERMINATE 0x01 /* EAX = exit status */

#endif
