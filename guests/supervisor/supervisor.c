/* SPDX-License-Identifier: MIT
 *
 * A small shell for the supervisor machine: reads commands from the keyboard, says when a machine has ended. It sleeps
 * when there is nothing to do.
 */
#include "supervisor.h"

#include "commands.h"
#include "guest.h"
#include "libc.h"
#include "line.h"

#define GATHER_NS 5000000 /* for so long more machines may end before they are told of, all at once */

enum { NAMED = 4 /* machines told of at once that are named one by one */ };

static void prompt_print(const struct line *line)
{
    printf("> %s", line->text);
}

static void ended_print(const struct supervisor_entry *entry)
{
    char reason[128];
    uint32_t index = entry->machine & DENALI_HANDLE_INDEX;

    if (entry->state == DENALI_STATE_TERMINATED)
        printf("[machine %u ended with status %u]\n", index, entry->exit_status);
    else if (supervisor_reason(entry->machine, reason, sizeof(reason)) >= 0)
        printf("[machine %u failed: %s]\n", index, reason);
}

/* The machines that have ended since last time. What is being typed is printed again behind. False: there are none. */
static bool news_print(const struct line *line)
{
    struct supervisor_entry ended[NAMED], entry;
    uint32_t count = 0, failed = 0;

    for (uint32_t machine; (machine = supervisor_news()) != 0;) {
        if (supervisor_list(machine, &entry, 1) != 1 || entry.machine != machine ||
            (entry.state != DENALI_STATE_TERMINATED && entry.state != DENALI_STATE_FAILED))
            continue;
        failed += entry.state == DENALI_STATE_FAILED;
        if (count < NAMED)
            ended[count] = entry;
        count++;
    }
    if (count == 0)
        return false;
    printf(line->length > 0 ? "\n" : "\r");
    if (count > NAMED)
        printf("[%u machines ended, %u of them failed]\n", count, failed);
    for (uint32_t i = 0; i < count && count <= NAMED; i++)
        ended_print(&ended[i]);
    prompt_print(line);
    return true;
}

/* False: nothing was typed. */
static bool keys_take(struct shell *shell, struct line *line)
{
    uint32_t event = keyboard_next();

    if (event == 0)
        return false;
    if (line_key(line, event)) {
        command_execute(shell, line->text);
        *line = (struct line){0};
        if (!shell->over)
            prompt_print(line);
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct line line;
    struct shell shell = {.over = false};
    (void)argc, (void)argv;

    if (!supervisor_present()) {
        printf("this machine is no supervisor (--supervisor)\n");
        return 1;
    }
    printf("Supervisor. 'help' lists the commands.\n");
    prompt_print(&line);
    while (!shell.over) {
        if (keys_take(&shell, &line) || news_print(&line))
            continue;
        if (interrupt_wait(NO_TIMEOUT) & DENALI_IRQ_SUPERVISOR)
            time_sleep_until(time_now() + GATHER_NS);
    }
    return (int)shell.status;
}
