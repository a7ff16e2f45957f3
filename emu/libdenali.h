/* SPDX-License-Identifier: MIT
 *
 * libdenali: run virtual machines of the Denali architecture inside your program. One struct denali is one simulation:
 * the isolation kernel, its clock, its network switch and all its machines. Any number can live in a process; each
 * belongs to one thread at a time. A run is a pure function of the configuration and of the files it names, unless it
 * has networks outside or follows the host's clock; then also of what entered, and when.
 *
 *     struct denali_config config;
 *     denali_config_init(&config);
 *     config.image = "hello.elf";
 *     struct denali *d = denali_new(&config, error, sizeof(error));
 *     while (denali_run(d, 1000) == DENALI_RUNNING) { … }
 *     denali_free(d, error, sizeof(error));
 */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum denali_engine { DENALI_ENGINE_BLOCKS, DENALI_ENGINE_STEP };
enum denali_interrupts {
    DENALI_INTERRUPTS_BATCHED,   /* delivered when the machine's quantum begins */
    DENALI_INTERRUPTS_IMMEDIATE, /* switch to the machine at once: what the paper compares with */
};
enum denali_idle {
    DENALI_IDLE_TIMEOUT,    /* IDLE takes a timeout */
    DENALI_IDLE_NO_TIMEOUT, /* IDLE with a timeout returns at once, so the guest spins: the paper's other baseline */
};
enum denali_scheduler { DENALI_SCHEDULER_ROUND_ROBIN, DENALI_SCHEDULER_LOTTERY };
enum denali_replacement { DENALI_REPLACEMENT_WSCLOCK, DENALI_REPLACEMENT_LRU };
/* Who may compete for CPU and memory: first come, first served while memory is free, or all. */
enum denali_admission { DENALI_ADMISSION_FIFO, DENALI_ADMISSION_OPEN };
enum denali_clock {
    DENALI_CLOCK_VIRTUAL, /* jumps to the next event when all machines are idle */
    DENALI_CLOCK_HOST,    /* keeps step with real time */
};
enum denali_console {
    DENALI_CONSOLE_STDIO,
    DENALI_CONSOLE_FILES, /* DIRECTORY/vm-N.txt: of all machines that had this index, one after the other */
    DENALI_CONSOLE_NONE,
};

/* What tracing shows, on the trace stream. */
enum denali_trace {
    DENALI_TRACE_INSTRUCTIONS = 1,
    DENALI_TRACE_INTERRUPTS = 2, /* posted and delivered */
    DENALI_TRACE_EXCEPTIONS = 4,
    DENALI_TRACE_PORTS = 8,
    DENALI_TRACE_FRAMES = 16,
    DENALI_TRACE_SCHEDULE = 32,
};

/* What the kernel's own work costs in virtual time, ns. COST(id, name, none, denali2002, what, source): the value in
 * each of the two profiles; what it is paid for; where denali2002 has it from, which is either the paper ("Scale and
 * Performance in the Denali Isolation Kernel", OSDI 2002) or an assumption of ours about its testbed. */
#define DENALI_COSTS(COST)                                                                                             \
    COST(vm_switch, "vm-switch", 0, 1400, "a machine's quantum begins",                                                \
         "paper: a context switch that touches no memory")                                                             \
    COST(crossing, "crossing", 0, 0, "the kernel enters a machine",                                                    \
         "contained in vm-switch and port, which were measured from machine to machine")                               \
    COST(port, "port", 0, 1200, "a port instruction", "paper: a trapped one, 2,040 to 2,090 cycles at 1.7 GHz")        \
    COST(interrupt, "interrupt", 0, 1200, "a batch of interrupts is delivered",                                        \
         "assumed by us: as much as a trapped port instruction")                                                       \
    COST(page_in, "page-in", 0, 4100, "a page is brought in, beside the disk's time",                                  \
         "assumed by us: a fault, and 4 KB at 1 GB/s")                                                                 \
    COST(page_out, "page-out", 0, 4100, "a page is put out, beside the disk's time", "assumed by us: as page-in")      \
    COST(disk_seek, "disk-seek", 0, 9000000, "a disk operation that does not begin where the last one ended",          \
         "assumed by us: usual for IDE disks of 7,200 turns a minute")                                                 \
    COST(disk_rotation, "disk-rotation", 0, 4167000, "the same operations, after the seek",                            \
         "arithmetic: half a turn of the paper's disks, 7,200 turns a minute")                                         \
    COST(disk_transfer, "disk-transfer", 0, 102400, "each 4 KB that a disk reads or writes", "assumed by us: 40 MB/s")

struct denali_costs {
#define COST(id, ...) uint64_t id;
    DENALI_COSTS(COST)
#undef COST
};

/* A disk that each machine has. Its file consists of whole blocks of 4,096 bytes; "{vm}" in the name becomes the
 * machine's index, so that each has its own. Several machines may share one they do not write. */
struct denali_disk {
    const char *file;
    bool read_only;
    bool copy_on_write; /* what a machine writes is in physical memory, and gone when the machine is */
    uint32_t errors;    /* so many of a million operations fail */
    uint64_t seed;      /* which ones; the configuration's is added */
};
#define DENALI_DISKS_MAX 16

/* An image with a name. */
struct denali_image {
    const char *name, *path;
};

struct denali_config {
    const char *image;     /* path of the ELF file every machine boots; "disk:N": it lies raw on that disk */
    const char *arguments; /* argument string; "{vm}" becomes the machine's index; NULL = "" */
    uint32_t machines;
    uint32_t memory;      /* bytes of each machine, a multiple of 4096 */
    uint64_t frames;      /* bytes of physical memory for all of them */
    const char *swap;     /* files that memory is swapped to, with commas; NULL = none */
    uint64_t swap_memory; /* or so many bytes of host memory, compressed; 0 = none */
    uint32_t swap_block;  /* bytes that are swapped at a time: a power of two from 4096 to 65536 */
    enum denali_scheduler scheduler;
    enum denali_replacement replacement;
    enum denali_admission admission;
    uint32_t cpu_khz; /* cycles of the simulated CPU in a ms; one instruction = one cycle */
    uint64_t quantum_ns;
    uint64_t until_ns;                 /* stop at this virtual time since the start; 0 = no limit */
    uint64_t instructions;             /* stop after so many in all; 0 = no limit */
    uint64_t machine_instructions;     /* a machine that has executed so many fails; 0 = no limit */
    uint32_t queue_frames;             /* length of each NIC queue */
    bool mmu;                          /* each machine has the optional MMU */
    bool supervisor;                   /* machine 0 is a supervisor; other consoles go to it, not to standard output */
    uint32_t machines_max;             /* it may not create more than make so many in all */
    const struct denali_image *images; /* that it may make machines of, beside its own; borrowed */
    uint32_t image_count;
    enum denali_engine engine;
    enum denali_interrupts interrupts;
    enum denali_idle idle;
    struct denali_costs costs; /* all 0: the profile "none" */
    struct denali_disk disks[DENALI_DISKS_MAX];
    uint32_t disk_count;
    enum denali_clock clock;
    const char *const *nets;  /* networks outside as on the command line, "live:eth0"; they need DENALI_CLOCK_HOST */
    uint32_t net_count;       /* with net_in and net_out, which are one, at most 8 */
    const char *const *links; /* cables of machines, "0-9:delay=2ms,loss=1%"; of several the last counts */
    uint32_t link_count;
    uint64_t seed;       /* of all that is random */
    const char *capture; /* pcapng of all frames that pass the switch, with what became of them; NULL = none */
    const char *net_in;  /* capture whose frames enter at their recorded times, NULL = none */
    const char *net_out; /* pcapng of all frames that machines send, NULL = none */
    enum denali_console console;
    const char *console_directory;
    FILE *console_stream; /* DENALI_CONSOLE_STDIO; borrowed */
    FILE *debug_stream;   /* the debug port's bytes, lines with "vm N: " in front; borrowed, NULL = discarded */
    int keyboard;         /* descriptor whose bytes (UTF-8) are typed to machine 0; -1 = none */
    uint32_t trace;       /* of enum denali_trace */
    uint32_t trace_first, trace_last; /* the machines traced */
    FILE *trace_stream;               /* borrowed */
};

/* One machine of 16 MB, 8 GB of frames, 1 GHz, 1 ms quantum, queues of 256 frames, no network, standard output. */
void denali_config_init(struct denali_config *);

struct denali;

enum denali_progress {
    DENALI_RUNNING,
    DENALI_WAITING,   /* for real time, a frame or a key: denali_waits_for() */
    DENALI_ENDED,     /* every machine has ended */
    DENALI_QUIET,     /* those left are idle and nothing will ever wake them */
    DENALI_LIMIT,     /* until_ns or instructions was reached */
    DENALI_INPUT_BAD, /* the capture is damaged: denali_trouble() tells where */
};

/* Reads the image and the head of the capture and boots all machines. NULL: why is in `error`, which names the file. */
struct denali *denali_new(const struct denali_config *, char *error, size_t error_size);
/* Run for at most `quanta` quanta. */
enum denali_progress denali_run(struct denali *, uint64_t quanta);
/* After DENALI_WAITING: what to wait for, as poll() takes it, and for how long at most (UINT64_MAX = however long);
 * then run on. Returns how many descriptors there are; of those that do not fit nothing is said. */
size_t denali_waits_for(struct denali *, struct pollfd *, size_t room, uint64_t *timeout_ns);
/* What has gone wrong with a network since the last call, a sentence; machines go on. NULL: nothing. */
const char *denali_notice(struct denali *);
/* After DENALI_INPUT_BAD. */
const char *denali_trouble(const struct denali *);
/* Closes the files. False: an output could not be written (`error` says which). Everything is freed in any case. */
bool denali_free(struct denali *, char *error, size_t error_size);

struct denali_stats {
    uint64_t instructions, virtual_ns /* since the start */;
    uint64_t cost_ns;                                /* of virtual_ns: what the kernel's own work took (denali_costs) */
    uint32_t machines, alive, idle, stopped, failed; /* idle and stopped ones are alive */
    uint64_t created, destroyed;                     /* by a supervisor */
    struct {
        /* in + out + copies = delivered + outside + unclaimed + rx_dropped + link_dropped + held, always. */
        uint64_t in, out;              /* frames from outside, frames that machines sent */
        uint64_t copies;               /* made of those for several receivers */
        uint64_t delivered, outside;   /* to machines, and to networks outside */
        uint64_t unclaimed;            /* for nobody */
        uint64_t rx_dropped;           /* a receive queue was full */
        uint64_t link_dropped, held;   /* lost by links, and on their way in them */
        uint64_t tx_dropped, unusable; /* not among them: refused to a guest, and never come in */
    } frames;
    uint64_t clock_lost_ns; /* by which virtual time has fallen behind real time (DENALI_CLOCK_HOST) */
    struct {
        uint64_t posted, delivered, crossings, max_batch;
    } interrupts;
    uint64_t vm_switches, exceptions, keys_dropped;
    struct {
        uint64_t reads, writes, flushes; /* that succeeded */
        uint64_t failed, injected;       /* that the host could not do, or that were made to fail */
        uint64_t refused;                /* wrong, or too many at once */
        uint64_t abandoned;              /* outstanding when their machine ended */
        const char *trouble;             /* "FILE: reason" of the host's first refusal, "" if there was none */
    } disks;
    struct {
        uint64_t in, out, dropped;  /* blocks read; written; given up without, as swap had them */
        uint64_t pages;             /* in swap now */
        uint64_t hibernated, woken; /* machines swapped out as a whole, and back */
        uint32_t asleep;            /* machines that are swapped out as a whole now */
    } swap;
    struct {
        uint64_t decoded, bytes;
    } blocks;
    struct {
        uint64_t frames, shared_frames, private_frames;
        uint64_t peak_frames; /* the most that were in use at once */
        uint64_t bytes;       /* of host memory for frames, machines and tables */
    } memory;
};
void denali_get_stats(const struct denali *, struct denali_stats *);

/* One network outside. */
struct denali_net {
    const char *name;          /* "live:eth0", valid as long as the simulation */
    uint64_t in, out;          /* frames to the switch, and from it */
    uint64_t out_lost;         /* from it, but the host did not take them */
    uint64_t unusable;         /* cut short, too long or too short */
    uint64_t own, kernel_lost; /* machines' own frames that came back; those the host lost before we looked */
    uint64_t completed, split; /* checksums completed, frames longer than the MTU split */
};
/* False: there are not so many. */
bool denali_get_net(const struct denali *, uint32_t index, struct denali_net *);

enum denali_machine_state { DENALI_STOPPED, DENALI_READY, DENALI_IDLE, DENALI_TERMINATED, DENALI_FAILED };
struct denali_machine {
    uint32_t index;
    enum denali_machine_state state;
    uint32_t exit_status; /* TERMINATED */
    uint64_t instructions;
    uint64_t digest; /* of its registers, memory, devices and console; TERMINATED, FAILED: as it was at the end */
    uint32_t regs[8], eip, eflags;
    struct {
        uint64_t delivered, sent;        /* put into its receive queue, and taken from its transmit queue */
        uint32_t rx_dropped, tx_dropped; /* a queue was full */
    } frames;
    /* FAILED only: */
    const char *reason;      /* "page fault: write to 0xdeadbeef", valid as long as the simulation */
    const char *disassembly; /* the instruction at eip */
    const char *symbol;      /* the function eip is in, with offset; "" if unknown */
};
/* The machine with the lowest index from this one up: machines that were destroyed leave gaps. False: there is none. */
bool denali_next_machine(const struct denali *, uint32_t from, struct denali_machine *);

/* Of everything: clock, all machines, all counters a guest could come to feel. Equal for equal runs, whatever the
 * engine, compiler, host or tracing. */
uint64_t denali_digest(const struct denali *);
/* "0.1.0 (gcc 12.2, …)" */
const char *denali_build(void);

#ifdef __cplusplus
}
#endif
