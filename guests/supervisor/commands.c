/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include "guest.h"
#include "libc.h"
#include "line.h"
#include "supervisor.h"

enum { DISKS_MAX = 16, NAME_SIZE = 64, PAGE_ENTRIES = 32, READ_SIZE = 512 };

/* Takes the next word off the line; "" if there is none. */
static char *word_take(char **line)
{
    while (**line == ' ')
        (*line)++;
    char *word = *line;
    while (**line != ' ' && **line != '\0')
        (*line)++;
    if (**line == ' ')
        *(*line)++ = '\0';
    return word;
}

/* A number up to the character `end`, behind which *text is then. */
static bool number_take(const char **text, char end, uint32_t *number)
{
    char *rest;
    unsigned long value = strtoul(*text, &rest, 10);
    if (rest == *text || *rest != end || value == UINT32_MAX)
        return false;
    *number = value;
    *text = rest + (end != '\0');
    return true;
}

/* Bytes, or a number with K, M or G. */
static bool size_parse(const char *text, uint32_t *size)
{
    char *rest;
    uint64_t value = strtoul(text, &rest, 10);
    unsigned shift = *rest == 'K' ? 10 : *rest == 'M' ? 20 : *rest == 'G' ? 30 : 0;
    if (rest == text || rest[shift > 0] != '\0' || value << shift > UINT32_MAX)
        return false;
    *size = (uint32_t)(value << shift);
    return true;
}

/* Machines as ranges, "1-1000 1002", as they come. */

struct ranges {
    uint32_t first, last;
    bool any;
};

static void ranges_print(const struct ranges *ranges)
{
    if (ranges->first == ranges->last)
        printf(" %u", ranges->first);
    else
        printf(" %u-%u", ranges->first, ranges->last);
}

static void ranges_add(struct ranges *ranges, const char *title, uint32_t machine)
{
    uint32_t index = machine & DENALI_HANDLE_INDEX;
    bool up = index == ranges->last + 1 && ranges->last >= ranges->first;
    bool down = index + 1 == ranges->last && ranges->last <= ranges->first;

    if (!ranges->any)
        printf("%s:", title);
    else if (!up && !down)
        ranges_print(ranges);
    if (!ranges->any || (!up && !down))
        ranges->first = index;
    ranges->last = index;
    ranges->any = true;
}

static void ranges_end(const struct ranges *ranges)
{
    if (!ranges->any)
        return;
    ranges_print(ranges);
    printf("\n");
}

/* Which machines: N, N-M or all. */

struct selection {
    uint32_t first, last; /* indices */
};

static bool selection_parse(const char *text, struct selection *selection)
{
    const char *range = text;

    *selection = (struct selection){0, DENALI_HANDLE_INDEX};
    if (strcmp(text, "all") == 0)
        return true;
    if (number_take(&text, '\0', &selection->first)) {
        selection->last = selection->first;
        return true;
    }
    if (number_take(&range, '-', &selection->first) && number_take(&range, '\0', &selection->last))
        return true;
    printf("'%s' is no machine: write N, N-M or all\n", text);
    return false;
}

/* The machine with that very index. */
static bool entry_find(const char *text, struct supervisor_entry *entry)
{
    uint32_t index;
    if (!number_take(&text, '\0', &index)) {
        printf("'%s' is no machine: write its number\n", text);
        return false;
    }
    if (supervisor_list(index, entry, 1) == 1 && (entry->machine & DENALI_HANDLE_INDEX) == index)
        return true;
    printf("machine %u: %s\n", index, supervisor_error(-DENALI_ESRCH));
    return false;
}

static void complain(uint32_t machine, int32_t status)
{
    printf("machine %u: %s\n", machine & DENALI_HANDLE_INDEX, supervisor_error(status));
}

/* Does it with the machines selected. Of several it takes those in one of these states, and never the supervisor. */
static void treat(const char *title, const char *selected, uint32_t states, int32_t (*request)(uint32_t machine))
{
    struct selection selection;
    struct supervisor_entry entry;
    struct ranges done = {.any = false};
    bool found = false;

    if (!selection_parse(selected, &selection))
        return;
    bool one = selection.first == selection.last;
    for (uint32_t index = selection.first; index <= selection.last && supervisor_list(index, &entry, 1) == 1;
         index = (entry.machine & DENALI_HANDLE_INDEX) + 1) {
        if ((entry.machine & DENALI_HANDLE_INDEX) > selection.last)
            break;
        found = true;
        if (!one && (!(states & 1u << entry.state) || (entry.machine & DENALI_HANDLE_INDEX) == registers.vm_id))
            continue;
        int32_t status = request(entry.machine);
        if (status < 0)
            complain(entry.machine, status);
        else
            ranges_add(&done, title, entry.machine);
    }
    ranges_end(&done);
    if (one && !found)
        complain(selection.first, -DENALI_ESRCH);
    else if (!one && !done.any)
        printf("%s: none\n", title);
}

/* Commands. */

static void do_images(struct shell *shell, char *line)
{
    char name[NAME_SIZE];
    (void)shell, (void)line;
    for (uint32_t i = 0; supervisor_image_name(i, name, sizeof(name)) >= 0; i++)
        printf("%s\n", name);
}

static bool image_find(const char *name, struct supervisor_create *create)
{
    char other[NAME_SIZE];

    if (strncmp(name, "disk:", 5) == 0) {
        const char *text = name + 5;
        create->image = DENALI_IMAGE_DISK;
        if (number_take(&text, '\0', &create->disk) ||
            (number_take(&text, ':', &create->disk) && number_take(&text, '\0', &create->block)))
            return true;
        printf("'%s' is no place on a disk: write disk:N or disk:N:BLOCK\n", name);
        return false;
    }
    for (; supervisor_image_name(create->image, other, sizeof(other)) >= 0; create->image++)
        if (strcmp(name, other) == 0)
            return true;
    printf("'%s' is no image: 'images' shows them, disk:N is on a disk\n", name);
    return false;
}

/* The options of create and run, and the image behind them. */
static bool create_parse(char **line, struct supervisor_create *create, uint32_t disks[DISKS_MAX])
{
    char *word = word_take(line);

    *create = (struct supervisor_create){.disks = disks};
    for (; word[0] == '-'; word = word_take(line)) {
        const char *value = word_take(line);
        bool good = false;
        if (strcmp(word, "-m") == 0)
            good = size_parse(value, &create->memory);
        else if (strcmp(word, "-d") == 0 && create->disk_count < DISKS_MAX)
            good = number_take(&value, '\0', &disks[create->disk_count++]);
        if (!good) {
            printf("%s %s: write -m SIZE (such as 16M) or -d DISK\n", word, value);
            return false;
        }
    }
    return image_find(word, create);
}

static void do_create(struct shell *shell, char *line)
{
    struct supervisor_create create;
    uint32_t machine, disks[DISKS_MAX];
    (void)shell;
    if (!create_parse(&line, &create, disks))
        return;
    create.arguments = line;
    int32_t status = supervisor_create(&create, &machine);
    if (status < 0)
        printf("not created: %s\n", supervisor_error(status));
    else
        printf("created: %u\n", machine & DENALI_HANDLE_INDEX);
}

static void do_run(struct shell *shell, char *line)
{
    struct supervisor_create create;
    struct ranges running = {.any = false};
    uint32_t count, machine, disks[DISKS_MAX];
    int32_t status = 0;
    (void)shell;
    if (!create_parse(&line, &create, disks))
        return;
    const char *word = word_take(&line), *digits = word;
    if (!number_take(&digits, '\0', &count)) {
        printf("'%s' is no number of machines: run IMAGE COUNT ARGUMENTS\n", word);
        return;
    }
    create.arguments = line;
    for (; count > 0 && status >= 0; count--) {
        status = supervisor_create(&create, &machine);
        if (status < 0)
            break;
        status = supervisor_start(machine);
        ranges_add(&running, "running", machine);
    }
    ranges_end(&running);
    if (status < 0)
        printf("%u not created: %s\n", count, supervisor_error(status));
}

static void do_start(struct shell *shell, char *line)
{
    (void)shell;
    treat("started", word_take(&line), 1u << DENALI_STATE_STOPPED, supervisor_start);
}

static void do_stop(struct shell *shell, char *line)
{
    (void)shell;
    treat("stopped", word_take(&line), 1u << DENALI_STATE_READY | 1u << DENALI_STATE_IDLE, supervisor_stop);
}

static void do_destroy(struct shell *shell, char *line)
{
    (void)shell;
    treat("destroyed", word_take(&line), UINT32_MAX, supervisor_destroy);
}

static void entry_print(const struct supervisor_entry *entry)
{
    static const char *const states[] = {
        [DENALI_STATE_STOPPED] = "stopped",  [DENALI_STATE_READY] = "ready",   [DENALI_STATE_IDLE] = "idle",
        [DENALI_STATE_TERMINATED] = "ended", [DENALI_STATE_FAILED] = "failed",
    };
    char reason[128];

    printf("%7u  %-7s %7u KB %14llu %8u", entry->machine & DENALI_HANDLE_INDEX, states[entry->state],
           entry->memory / 1024, entry->instructions, entry->console);
    if (entry->lost > 0)
        printf("  %u bytes lost", entry->lost);
    if (entry->state == DENALI_STATE_TERMINATED)
        printf("  status %u", entry->exit_status);
    if (entry->state == DENALI_STATE_FAILED && supervisor_reason(entry->machine, reason, sizeof(reason)) >= 0)
        printf("  %s", reason);
    printf("\n");
}

static void do_list(struct shell *shell, char *line)
{
    struct supervisor_entry entries[PAGE_ENTRIES];
    struct selection selection;
    const char *selected = word_take(&line);
    int32_t count;
    (void)shell;

    if (!selection_parse(*selected ? selected : "all", &selection))
        return;
    printf("machine  state       memory   instructions  console\n");
    for (uint32_t index = selection.first; (count = supervisor_list(index, entries, PAGE_ENTRIES)) > 0;
         index = (entries[count - 1].machine & DENALI_HANDLE_INDEX) + 1)
        for (int32_t i = 0; i < count; i++) {
            if ((entries[i].machine & DENALI_HANDLE_INDEX) > selection.last)
                return;
            entry_print(&entries[i]);
        }
}

static void do_console(struct shell *shell, char *line)
{
    struct supervisor_entry entry;
    char bytes[READ_SIZE], last = '\n';
    uint32_t lost;
    int32_t count;
    (void)shell;

    if (!entry_find(word_take(&line), &entry))
        return;
    while ((count = supervisor_read(entry.machine, bytes, sizeof(bytes), &lost)) > 0) {
        if (lost > 0)
            printf("[%u bytes lost]\n", lost);
        console_write(bytes, (size_t)count);
        last = bytes[count - 1];
    }
    if (count < 0)
        complain(entry.machine, count);
    else if (last != '\n')
        printf("\n");
}

/* The key events of a text, in which \n is Enter. At most `room` of them. */
static uint32_t events_make(const char *text, uint32_t *events, uint32_t room)
{
    uint32_t count = 0;
    while (*text && count + 2 <= room) {
        uint32_t code = utf8_decode(&text);
        if (code == '\\' && *text == 'n') {
            code = '\n';
            text++;
        }
        events[count++] = DENALI_KEY_PRESSED | code;
        events[count++] = code;
    }
    return count;
}

static void do_type(struct shell *shell, char *line)
{
    struct supervisor_entry entry;
    uint32_t events[2 * LINE_LENGTH];
    (void)shell;

    if (!entry_find(word_take(&line), &entry))
        return;
    uint32_t count = events_make(line, events, 2 * LINE_LENGTH);
    int32_t typed = supervisor_type(entry.machine, events, count);
    if (typed < 0)
        complain(entry.machine, typed);
    else if ((uint32_t)typed < count)
        printf("%u of %u characters typed, then its keyboard was full\n", (uint32_t)typed / 2, count / 2);
}

static void do_wait(struct shell *shell, char *line)
{
    const char *text = word_take(&line);
    uint32_t milliseconds;
    (void)shell;

    if (number_take(&text, '\0', &milliseconds))
        time_sleep_until(time_now() + milliseconds * UINT64_C(1000000));
    else
        printf("'%s' is no time: write a number of milliseconds\n", text);
}

static void do_quit(struct shell *shell, char *line)
{
    const char *status = word_take(&line);
    if (*status && !number_take(&status, '\0', &shell->status)) {
        printf("'%s' is no status: write a number\n", status);
        return;
    }
    shell->over = true;
}

static void do_help(struct shell *shell, char *line);

static const struct {
    const char *name, *operands, *help;
    void (*execute)(struct shell *shell, char *line);
} commands[] = {
    {"help", "", "this list", do_help},
    {"images", "", "what machines can be made of", do_images},
    {"create", "[-m SIZE] [-d DISK]... IMAGE [ARGUMENTS]", "a machine, stopped; IMAGE may be disk:N[:BLOCK]",
     do_create},
    {"run", "[-m SIZE] [-d DISK]... IMAGE COUNT [ARGUMENTS]", "so many machines, started", do_run},
    {"start", "N|N-M|all", "it runs, or runs on", do_start},
    {"stop", "N|N-M|all", "it does not run until it is started", do_stop},
    {"destroy", "N|N-M|all", "everything it has is given back", do_destroy},
    {"list", "[N|N-M]", "machines: how much they have executed, how many bytes to read on their consoles", do_list},
    {"console", "N", "what it wrote since it was last asked", do_console},
    {"type", "N TEXT", "to its keyboard; \\n is Enter", do_type},
    {"wait", "MILLISECONDS", "lets the others run", do_wait},
    {"quit", "[STATUS]", "ends this machine; the others go on", do_quit},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void do_help(struct shell *shell, char *line)
{
    (void)shell, (void)line;
    for (size_t i = 0; i < COMMANDS; i++)
        printf("%s%s%s\n    %s\n", commands[i].name, *commands[i].operands ? " " : "", commands[i].operands,
               commands[i].help);
}

void command_execute(struct shell *shell, char *line)
{
    const char *name = word_take(&line);

    if (!*name)
        return;
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0) {
            commands[i].execute(shell, line);
            return;
        }
    printf("'%s' is no command; 'help' lists them\n", name);
}
