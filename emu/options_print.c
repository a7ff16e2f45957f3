/* SPDX-License-Identifier: MIT
 *
 * The table of options.def in print: help, manual page (scdoc, https://git.sr.ht/~sircmpwn/scdoc), completions.
 */
#include <ctype.h>
#include <string.h>

#include "option_table.h"

#define COMMAND(id, operands, help) {#id, operands, help},
#define OPTION(...)
#define LATER(...)
const struct command_row command_rows[] = {
#include "options.def"
    {NULL, NULL, NULL},
};
#undef COMMAND
#undef OPTION
#undef LATER

#define COMMAND(...)
#define OPTION(name, letter, commands, argument, parse, help) {name, letter, commands, argument, help},
#define LATER(...)
const struct option_row option_rows[] = {
#include "options.def"
    {NULL, 0, 0, NULL, NULL},
};
#undef COMMAND
#undef OPTION
#undef LATER

#define COMMAND(...)
#define OPTION(...)
#define LATER(name) name,
const char *const later_rows[] = {
#include "options.def"
    NULL,
};
#undef COMMAND
#undef OPTION
#undef LATER

static const char about_values[] = "SIZE is a number of bytes, or a number with K, M, G or T (powers of 1024). TIME is "
                                   "a number with ns, us, ms, s, min "
                                   "or h. COUNT is a number, or a number with k, M or G (powers of 1000). ARGS is what "
                                   "the guest reads as its argument "
                                   "string; {vm} in it becomes the machine's index.";

static const struct {
    int status;
    const char *meaning;
} exit_statuses[] = {
    {0, "every machine ended with status 0, or the run reached its limit, or nothing is left to happen"},
    {1, "a machine failed, or ended with another status"},
    {2, "the command line, the image or the capture is wrong"},
    {3, "trouble with the host: an output cannot be written, no memory"},
    {4, "verify: the runs differ"},
    {130, "interrupted with Ctrl-C"},
};
#define EXIT_STATUSES (sizeof(exit_statuses) / sizeof(exit_statuses[0]))

/* Text broken at blanks into lines of at most 110 columns, each after `indent` blanks; the first line starts at
 * `column`. */
static void print_wrapped(FILE *out, const char *text, int indent, int column)
{
    fprintf(out, "%*s", column < indent ? indent - column : 0, "");
    for (column = indent; *text; text += strspn(text, " ")) {
        int word = strcspn(text, " ");
        if (column > indent && column + 1 + word > 110)
            column = fprintf(out, "\n%*s", indent, "") - 1;
        column += fprintf(out, "%s%.*s", column > indent ? " " : "", word, text);
        text += word;
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct option_row *row)
{
    int column = row->letter ? fprintf(out, "  -%c, ", row->letter) : fprintf(out, "      ");
    column += fprintf(out, "--%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
    if (column > 32) {
        fputc('\n', out);
        column = 0;
    }
    print_wrapped(out, row->help, 34, column);
}

void options_print_help(FILE *out)
{
    fprintf(out, "denali runs virtual machines of the Denali architecture.\n\n");
    for (const struct command_row *row = command_rows; row->name; row++)
        print_wrapped(out, row->help, 46, fprintf(out, "  denali %s %s", row->name, row->operands));
    print_wrapped(out, "print the version and how it was built", 46, fprintf(out, "  denali --version"));
    fprintf(out, "\nOptions of run (verify has those about the machines too)\n");
    for (const struct option_row *row = option_rows; row->name; row++)
        if (row->commands & FOR_RUN)
            print_option(out, row);
    fputc('\n', out);
    print_wrapped(out, about_values, 0, 0);
    fprintf(out, "\nStandard output carries the machines' consoles only. Exit status\n");
    for (size_t i = 0; i < EXIT_STATUSES; i++)
        fprintf(out, "  %3d  %s\n", exit_statuses[i].status, exit_statuses[i].meaning);
}

/* Text in which nothing means anything to scdoc. */
static void print_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\_*#<>[]~`", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_manual_options(FILE *out, unsigned commands, unsigned but_not)
{
    for (const struct option_row *row = option_rows; row->name; row++) {
        if (!(row->commands & commands) || (row->commands & but_not))
            continue;
        if (row->letter)
            fprintf(out, "*-%c*, ", row->letter);
        fprintf(out, "*--%s*", row->name);
        if (row->argument) {
            fputc(' ', out);
            print_escaped(out, row->argument);
        }
        fputs("\n\t", out);
        print_escaped(out, row->help);
        fputs("\n\n", out);
    }
}

static void print_manual_costs(FILE *out)
{
    fprintf(out,
            "# COSTS\n\nWhat --cost can change: when it is paid, the value in the profile denali2002 and where that "
            "comes from. Disks work beside the processor; all else is time of the processor.\n\n");
    for (const struct cost_row *row = cost_rows; row->name; row++) {
        fprintf(out, "*%s*\n\t", row->name);
        print_escaped(out, row->what);
        fprintf(out, ": %llu ns (", (unsigned long long)row->denali2002);
        print_escaped(out, row->source);
        fputs(")\n\n", out);
    }
}

void options_print_manual(FILE *out)
{
    fprintf(out, "denali(1)\n\n# NAME\n\ndenali - run virtual machines of the Denali architecture\n\n# SYNOPSIS\n\n");
    for (const struct command_row *row = command_rows; row->name; row++) {
        fprintf(out, "*denali %s* ", row->name);
        print_escaped(out, row->operands);
        fputs("\n\n", out);
    }
    fprintf(out, "# COMMANDS\n\n");
    for (const struct command_row *row = command_rows; row->name; row++)
        fprintf(out, "*%s*\n\t%s.\n\n", row->name, row->help);
    fprintf(out, "# OPTIONS OF RUN AND VERIFY\n\n");
    print_manual_options(out, FOR_RUNS & ~FOR_RUN, 0);
    fprintf(out, "# OPTIONS OF RUN ONLY\n\n");
    print_manual_options(out, FOR_RUN, FOR_RUNS & ~FOR_RUN);
    fprintf(out, "# OPTIONS OF HELP\n\n");
    print_manual_options(out, FOR_HELP, 0);
    print_manual_costs(out);
    fprintf(out, "# VALUES\n\n");
    print_escaped(out, about_values);
    fprintf(out, "\n\n# EXIT STATUS\n\n");
    for (size_t i = 0; i < EXIT_STATUSES; i++)
        fprintf(out, "*%d*\n\t%s.\n\n", exit_statuses[i].status, exit_statuses[i].meaning);
}

/* The lower-case part of each word of "stdio|file:DIR|none": "stdio file: none". */
static void print_choices(FILE *out, const char *argument)
{
    bool literal = true;
    for (; *argument; argument++) {
        if (*argument == '|') {
            fputc(' ', out);
            literal = true;
        } else if (isupper((unsigned char)*argument) || *argument == '[') {
            literal = false;
        } else if (literal) {
            fputc(*argument, out);
        }
    }
}

void options_print_completion(FILE *out)
{
    fprintf(out, "_denali() {\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "    COMPREPLY=()\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W '");
    for (const struct command_row *row = command_rows; row->name; row++)
        fprintf(out, "%s ", row->name);
    fprintf(out, "--version' -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]}:$previous in\n");
    for (const struct option_row *row = option_rows; row->name; row++)
        if (row->argument && islower((unsigned char)row->argument[0])) {
            fprintf(out, "    *:--%s) COMPREPLY=($(compgen -W '", row->name);
            print_choices(out, row->argument);
            fprintf(out, "' -- \"$word\")); return ;;\n");
        }
    fprintf(out, "    esac\n    if [[ $word == -* ]]; then\n        case ${COMP_WORDS[1]} in\n");
    for (const struct command_row *command = command_rows; command->name; command++) {
        fprintf(out, "        %s) COMPREPLY=($(compgen -W '", command->name);
        for (const struct option_row *row = option_rows; row->name; row++)
            if (row->commands & 1u << (command - command_rows))
                fprintf(out, "--%s ", row->name);
        fprintf(out, "' -- \"$word\")) ;;\n");
    }
    fprintf(out, "        esac\n    fi\n}\ncomplete -o default -F _denali denali\n");
}
