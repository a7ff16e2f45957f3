/* SPDX-License-Identifier: MIT
 *
 * Uses its disks, and checks what they do. do=NAME: which way (do=list prints them); disk=N: which disk. Ends with
 * status 1 and one line on the console if anything is not as it should be.
 *
 *   check   writes every block, many at once, reads them back, and does what is not allowed
 *   sum     reads every block and prints a sum: the same in all machines that share the disk
 *   count   keeps the number of its runs in block 0
 *   log     writes numbered blocks and flushes, for ever (or until=N), and says up to which number all is flushed
 *   rate    how many of 1,000 reads fail
 */
#include "guest.h"
#include "libc.h"

#define WORDS     (DENALI_DISK_BLOCK / 4)
#define AT_ONCE   8 /* requests in flight */
#define TOO_MANY  40
#define BAD_PLACE 0xFFFFF000u

static uint32_t disk, blocks;
static uint32_t block[WORDS] __attribute__((aligned(DENALI_PAGE_SIZE)));
static uint32_t buffers[AT_ONCE][WORDS] __attribute__((aligned(DENALI_PAGE_SIZE)));
static struct disk_request requests[TOO_MANY];

_Noreturn static void fail(const char *what, int found, int expected)
{
    printf("machine %u, disk %u: %s: %d, not %d\n", registers.vm_id, disk, what, found, expected);
    terminate(1);
}

static void expect(const char *what, int found, int expected)
{
    if (found != expected)
        fail(what, found, expected);
}

/* Word number i of a block: no two are alike, nor in two machines. */
static uint32_t word_of(uint32_t number, uint32_t i)
{
    return (number * WORDS + i) * 2654435761u + registers.vm_id;
}

/* A request that goes through, whatever it takes. */
static int request_run(struct disk_request *request)
{
    expect("starting a request", disk_start(request), 1);
    while (request->status == 0)
        interrupt_wait(NO_TIMEOUT);
    expect("the request that is complete", disk_completed() == request, 1);
    expect("another that is complete", disk_completed() != NULL, 0);
    return request->status;
}

static void some_transfer(uint32_t op, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        requests[i] = (struct disk_request){.op = op, .disk = disk, .block = first + i, .buffer = buffers[i]};
        for (uint32_t j = 0; op == DENALI_DISK_WRITE && j < WORDS; j++)
            buffers[i][j] = word_of(first + i, j);
        expect("starting a transfer", disk_start(&requests[i]), 1);
    }
    for (uint32_t done = 0; done < count;) {
        while (disk_completed())
            done++;
        if (done < count)
            interrupt_wait(NO_TIMEOUT);
    }
    for (uint32_t i = 0; i < count; i++) {
        expect("status of a transfer", requests[i].status, DENALI_DISK_COMPLETE);
        for (uint32_t j = 0; op == DENALI_DISK_READ && j < WORDS; j++)
            expect("what was read", (int)buffers[i][j], (int)word_of(first + i, j));
    }
}

static void all_transfer(uint32_t op)
{
    memset(buffers, 0xAA, sizeof(buffers));
    for (uint32_t first = 0; first < blocks; first += AT_ONCE)
        some_transfer(op, first, blocks - first < AT_ONCE ? blocks - first : AT_ONCE);
}

static void mistakes_check(bool read_only)
{
    expect("no such block", disk_read(disk, blocks, block), -DENALI_EINVAL);
    expect("no such block to write", disk_write(disk, ~0u, block), -DENALI_EINVAL);
    expect("no such disk", disk_read(registers.disk_count, 0, block), -DENALI_ENODEV);
    expect("no such buffer", disk_read(disk, 0, (void *)BAD_PLACE), -DENALI_EFAULT);
    expect("half a buffer", disk_read(disk, 0, (void *)(registers.memory_size - DENALI_DISK_BLOCK / 2)),
           -DENALI_EFAULT);
    expect("no such operation", request_run(&(struct disk_request){.op = 3, .disk = disk, .buffer = block}),
           -DENALI_EINVAL);
    expect("writing", disk_write(disk, 0, read_only ? (void *)block : (void *)BAD_PLACE),
           read_only ? -DENALI_EROFS : -DENALI_EFAULT);
    port_write32(DENALI_PORT_DISK, BAD_PLACE); /* no request at all: nothing happens */
    expect("a request that was none", disk_completed() != NULL, 0);
}

/* One request too many is not started; the others are not disturbed. */
static void flood_check(void)
{
    uint32_t started = 0, done = 0;
    for (uint32_t i = 0; i < TOO_MANY; i++) {
        requests[i] = (struct disk_request){.op = DENALI_DISK_FLUSH, .disk = disk};
        started += disk_start(&requests[i]);
    }
    expect("fewer are taken than were tried", started < TOO_MANY && started >= AT_ONCE, 1);
    for (;;) {
        while (disk_completed())
            done++;
        if (done == started)
            break;
        interrupt_wait(NO_TIMEOUT);
    }
    for (uint32_t i = 0; i < TOO_MANY; i++)
        expect("status of one among many", requests[i].status, i < started ? DENALI_DISK_COMPLETE : 0);
    expect("flush after the flood", disk_flush(disk), 0);
}

static int check_run(void)
{
    bool read_only = registers.disks[disk].flags & DENALI_DISK_READ_ONLY;
    if (!read_only) {
        all_transfer(DENALI_DISK_WRITE);
        expect("flush", disk_flush(disk), 0);
        all_transfer(DENALI_DISK_READ);
    }
    mistakes_check(read_only);
    flood_check();
    printf("machine %u: disk %u of %u blocks%s is well\n", registers.vm_id, disk, blocks,
           read_only ? ", read-only," : "");
    return 0;
}

static int sum_run(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < blocks; i++) {
        expect("reading", disk_read(disk, i, block), 0);
        for (uint32_t j = 0; j < WORDS; j++)
            sum = (sum ^ block[j]) * 16777619;
    }
    printf("sum %08x\n", sum);
    return 0;
}

static int count_run(void)
{
    expect("reading", disk_read(disk, 0, block), 0);
    block[0]++;
    expect("writing", disk_write(disk, 0, block), 0);
    expect("flush", disk_flush(disk), 0);
    printf("run %u\n", block[0]);
    return 0;
}

/* Block number % blocks is full of the number. */
static int log_run(uint32_t until)
{
    expect("reading", disk_read(disk, 0, block), 0);
    for (uint32_t number = block[0] + 1; until == 0 || number <= until; number++) {
        for (uint32_t j = 0; j < WORDS; j++)
            block[j] = number;
        expect("writing", disk_write(disk, number % blocks, block), 0);
        if (number % 5 != 0)
            continue;
        expect("flush", disk_flush(disk), 0);
        printf("flushed %u\n", number);
    }
    return 0;
}

static int rate_run(void)
{
    uint32_t failed = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        int result = disk_read(disk, i % blocks, block);
        if (result != 0)
            expect("how it fails", result, -DENALI_EIO);
        failed += result != 0;
    }
    printf("%u of 1000 failed\n", failed);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *way = argument(argv, "do");
    disk = argument_number(argv, "disk", 0);
    if (way && strcmp(way, "list") == 0) {
        printf("check sum count log rate\n");
        return 0;
    }
    if (disk >= registers.disk_count) {
        printf("machine %u has no disk %u (--disk)\n", registers.vm_id, disk);
        return 1;
    }
    blocks = registers.disks[disk].blocks;
    if (!way || strcmp(way, "check") == 0)
        return check_run();
    if (strcmp(way, "sum") == 0)
        return sum_run();
    if (strcmp(way, "count") == 0)
        return count_run();
    if (strcmp(way, "log") == 0)
        return log_run(argument_number(argv, "until", 0));
    if (strcmp(way, "rate") == 0)
        return rate_run();
    printf("do=%s: give do=NAME; do=list prints the names\n", way);
    return 1;
}
