/* SPDX-License-Identifier: MIT
 *
 * An interpreter of a small Lisp: reader, symbol table, closures, calls in tail position without growth of the stack, a
 * garbage collector that marks and sweeps. The program it runs counts solutions of the queens' problem, sorts lists and
 * differentiates expressions.
 */
#include <stdbool.h>
#include <stddef.h>

#include "kernel.h"
#include "libc.h"

#define CELLS     8192
#define ROOTS     16384
#define SYMBOLS   128
#define BUCKETS   64
#define NAME_SIZE 12

const char kernel_name[] = "lisp";
const uint32_t kernel_repeats = 300;

/* The two lowest bits tell what the others are: the index of a cell, a signed number, the index of a symbol, or one of
 * enum operation. Cell 0 is the empty list, which is also false. */
typedef uint32_t value;

enum tag { TAG_CELL, TAG_NUMBER, TAG_SYMBOL, TAG_OPERATION };

#define NIL ((value)0)

/* The first symbols, in this order: eval() knows them. */
enum special { SPECIAL_QUOTE, SPECIAL_IF, SPECIAL_DEFINE, SPECIAL_LAMBDA, SPECIAL_LET, SPECIALS };

enum operation { CONS, CAR, CDR, IS_NULL, IS_PAIR, IS_EQ, ADD, SUBTRACT, MULTIPLY, REMAINDER, LESS };

static const char *const names[] = {"quote", "if",    "define", "lambda", "let", "cons", "car",       "cdr",
                                    "null?", "pair?", "eq?",    "+",      "-",   "*",    "remainder", "<"};

enum kind { KIND_PAIR, KIND_FUNCTION };

struct cell {
    value first, rest; /* of a function: parameters and body, environment; of a free cell: the next one in rest */
    uint16_t kind;
    uint16_t marked;
};

struct symbol {
    char name[NAME_SIZE];
    value global;
    struct symbol *next; /* in its bucket */
};

static struct cell cells[CELLS];
static value free_cells;
static value roots[ROOTS]; /* what C code holds while cells are taken */
static uint32_t root_count;
static struct symbol symbols[SYMBOLS];
static struct symbol *buckets[BUCKETS];
static uint32_t symbol_count;

/* The program. main's argument is a seed; its result a number. */
static const char source[] =
    "(define append (lambda (a b) (if (null? a) b (cons (car a) (append (cdr a) b)))))"
    "(define map (lambda (f a) (if (null? a) a (cons (f (car a)) (map f (cdr a))))))"
    "(define filter (lambda (f a)"
    "  (if (null? a) a (if (f (car a)) (cons (car a) (filter f (cdr a))) (filter f (cdr a))))))"
    "(define fold (lambda (f sum a) (if (null? a) sum (fold f (f sum (car a)) (cdr a)))))"
    "(define second (lambda (a) (car (cdr a))))"
    "(define third (lambda (a) (car (cdr (cdr a)))))"
    "(define list (lambda (a b c) (cons a (cons b (cons c nil)))))"

    "(define safe (lambda (row distance placed)"
    "  (if (null? placed) 1"
    "    (let ((other (car placed)))"
    "      (if (eq? other row) nil"
    "        (if (eq? other (+ row distance)) nil"
    "          (if (eq? other (- row distance)) nil (safe row (+ distance 1) (cdr placed)))))))))"
    "(define try (lambda (row left size placed)"
    "  (if (eq? row 0) 0"
    "    (+ (if (safe row 1 placed) (queens (- left 1) size (cons row placed)) 0)"
    "       (try (- row 1) left size placed)))))"
    "(define queens (lambda (left size placed) (if (eq? left 0) 1 (try size left size placed))))"

    "(define random (lambda (count seed)"
    "  (if (eq? count 0) nil (cons seed (random (- count 1) (remainder (+ (* seed 171) 7) 30269))))))"
    "(define sort (lambda (a)"
    "  (if (null? a) a"
    "    (let ((pivot (car a)))"
    "      (append (sort (filter (lambda (n) (< n pivot)) (cdr a)))"
    "              (cons pivot (sort (filter (lambda (n) (if (< n pivot) nil 1)) (cdr a)))))))))"

    "(define derive (lambda (e)"
    "  (if (pair? e)"
    "    (if (eq? (car e) (quote add)) (list (quote add) (derive (second e)) (derive (third e)))"
    "      (list (quote add) (list (quote times) (derive (second e)) (third e))"
    "                        (list (quote times) (second e) (derive (third e)))))"
    "    (if (eq? e (quote x)) 1 0))))"
    "(define at (lambda (e x)"
    "  (if (pair? e)"
    "    (let ((a (at (second e) x)) (b (at (third e) x)))"
    "      (remainder (if (eq? (car e) (quote add)) (+ a b) (* a b)) 10007))"
    "    (if (eq? e (quote x)) x e))))"
    "(define power (lambda (n) (if (eq? n 0) 1 (list (quote times) (quote x) (power (- n 1))))))"

    "(define mix (lambda (sum n) (remainder (+ (* sum 31) n) 1000003)))"
    "(define main (lambda (seed)"
    "  (fold mix (queens 5 5 nil)"
    "    (cons (at (derive (power 12)) (remainder seed 97))"
    "      (map (lambda (n) (remainder n 1009)) (sort (random 60 seed)))))))";

static enum tag tag_of(value v)
{
    return v & 3;
}

static value tagged(uint32_t content, enum tag tag)
{
    return content << 2 | tag;
}

static int32_t number_of(value v)
{
    return (int32_t)v >> 2;
}

static struct cell *cell_of(value v)
{
    return &cells[v >> 2];
}

static bool is_pair(value v)
{
    return v != NIL && tag_of(v) == TAG_CELL && cell_of(v)->kind == KIND_PAIR;
}

static value first(value list)
{
    return cell_of(list)->first;
}

static value rest(value list)
{
    return cell_of(list)->rest;
}

static value second(value list)
{
    return first(rest(list));
}

/* Cells. Whoever holds a value while cells are taken puts it among the roots. */

static void mark(value v)
{
    while (v != NIL && tag_of(v) == TAG_CELL && !cell_of(v)->marked) {
        cell_of(v)->marked = 1;
        mark(first(v));
        v = rest(v);
    }
}

static void sweep(void)
{
    for (uint32_t i = 1; i < CELLS; i++) {
        struct cell *cell = &cells[i];
        if (!cell->marked) {
            cell->rest = free_cells;
            free_cells = tagged(i, TAG_CELL);
        }
        cell->marked = 0;
    }
}

static void collect(void)
{
    for (uint32_t i = 0; i < root_count; i++)
        mark(roots[i]);
    for (uint32_t i = 0; i < symbol_count; i++)
        mark(symbols[i].global);
    sweep();
}

/* A cell of these two, which need not be roots. */
static value cell_new(enum kind kind, value head, value tail)
{
    if (free_cells == NIL) {
        mark(head);
        mark(tail);
        collect();
    }
    value v = free_cells;
    free_cells = rest(v);
    *cell_of(v) = (struct cell){.first = head, .rest = tail, .kind = kind};
    return v;
}

static value cons(value head, value tail)
{
    return cell_new(KIND_PAIR, head, tail);
}

static void root_push(value v)
{
    roots[root_count++] = v;
}

/* Symbols. */

static uint32_t name_hash(const char *name, size_t length)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < length; i++)
        hash = hash * 33 + (uint8_t)name[i];
    return hash % BUCKETS;
}

static value symbol_find(const char *name, size_t length)
{
    struct symbol **bucket = &buckets[name_hash(name, length)];
    struct symbol *symbol = *bucket;
    while (symbol != NULL && (strncmp(symbol->name, name, length) != 0 || symbol->name[length] != '\0'))
        symbol = symbol->next;
    if (symbol == NULL) {
        symbol = &symbols[symbol_count++];
        memcpy(symbol->name, name, length);
        symbol->next = *bucket;
        *bucket = symbol;
    }
    return tagged((uint32_t)(symbol - symbols), TAG_SYMBOL);
}

/* The reader. */

static void blanks_skip(const char **text)
{
    while (**text == ' ')
        (*text)++;
}

static value read_atom(const char **text)
{
    const char *start = *text;
    while (**text != ' ' && **text != '(' && **text != ')')
        (*text)++;
    if (*start >= '0' && *start <= '9')
        return tagged((uint32_t)strtoul(start, NULL, 10), TAG_NUMBER);
    return symbol_find(start, (size_t)(*text - start));
}

static value read_form(const char **text);

static value read_rest(const char **text)
{
    blanks_skip(text);
    if (**text == ')') {
        (*text)++;
        return NIL;
    }
    uint32_t roots_before = root_count;
    value head = read_form(text);
    root_push(head);
    value list = cons(head, read_rest(text));
    root_count = roots_before;
    return list;
}

static value read_form(const char **text)
{
    blanks_skip(text);
    if (**text != '(')
        return read_atom(text);
    (*text)++;
    return read_rest(text);
}

/* The evaluator. */

/* An environment is a list of pairs of a symbol and its value. */
static value symbol_value(value symbol, value environment)
{
    for (; environment != NIL; environment = rest(environment)) {
        if (first(first(environment)) == symbol)
            return rest(first(environment));
    }
    return symbols[symbol >> 2].global;
}

static value bind(value symbol, value what, value environment)
{
    root_push(environment);
    value extended = cons(cons(symbol, what), environment);
    root_count--;
    return extended;
}

static value bind_all(value names_left, value values, value environment)
{
    root_push(values);
    for (; names_left != NIL; names_left = rest(names_left), values = rest(values))
        environment = bind(first(names_left), first(values), environment);
    root_count--;
    return environment;
}

static value truth(bool is)
{
    return is ? tagged(1, TAG_NUMBER) : NIL;
}

static value number(int32_t n)
{
    return tagged((uint32_t)n, TAG_NUMBER);
}

static value operate(enum operation operation, value a, value b)
{
    switch (operation) {
    case CONS:
        return cons(a, b);
    case CAR:
        return first(a);
    case CDR:
        return rest(a);
    case IS_NULL:
        return truth(a == NIL);
    case IS_PAIR:
        return truth(is_pair(a));
    case IS_EQ:
        return truth(a == b);
    case ADD:
        return number(number_of(a) + number_of(b));
    case SUBTRACT:
        return number(number_of(a) - number_of(b));
    case MULTIPLY:
        return number(number_of(a) * number_of(b));
    case REMAINDER:
        return number(number_of(a) % number_of(b));
    case LESS:
        return truth(number_of(a) < number_of(b));
    }
    return NIL;
}

static value eval(value form, value environment);

static value eval_list(value forms, value environment)
{
    if (forms == NIL)
        return NIL;
    uint32_t roots_before = root_count;
    value head = eval(first(forms), environment);
    root_push(head);
    value list = cons(head, eval_list(rest(forms), environment));
    root_count = roots_before;
    return list;
}

/* The environment with what (let ((NAME FORM)...) ...) binds; the caller keeps the one given. */
static value eval_bindings(value bindings, value environment)
{
    value extended = environment;
    for (; bindings != NIL; bindings = rest(bindings)) {
        root_push(extended);
        extended = bind(first(first(bindings)), eval(second(first(bindings)), environment), extended);
        root_count--;
    }
    return extended;
}

/* Where an evaluation stands. Both are roots while it goes on. */
struct evaluation {
    value form, environment;
};

/* A special form. True: *result is its value; false: another evaluation takes its place. */
static bool eval_special(struct evaluation *e, enum special special, value *result)
{
    value operands = rest(e->form);
    switch (special) {
    case SPECIAL_QUOTE:
        *result = first(operands);
        return true;
    case SPECIAL_DEFINE:
        *result = symbols[first(operands) >> 2].global = eval(second(operands), e->environment);
        return true;
    case SPECIAL_LAMBDA:
        *result = cell_new(KIND_FUNCTION, operands, e->environment);
        return true;
    case SPECIAL_LET:
        e->environment = eval_bindings(first(operands), e->environment);
        e->form = second(operands);
        return false;
    case SPECIAL_IF:
    default:
        e->form = eval(first(operands), e->environment) != NIL ? second(operands) : second(rest(operands));
        return false;
    }
}

/* A call, in the same way. */
static bool eval_call(struct evaluation *e, value *result)
{
    value function = eval(first(e->form), e->environment);
    root_push(function);
    if (tag_of(function) == TAG_OPERATION) {
        value operands = rest(e->form);
        value a = eval(first(operands), e->environment);
        root_push(a);
        value b = rest(operands) != NIL ? eval(second(operands), e->environment) : NIL;
        *result = operate(function >> 2, a, b);
        return true;
    }
    value arguments = eval_list(rest(e->form), e->environment);
    e->environment = bind_all(first(first(function)), arguments, rest(function));
    e->form = second(first(function));
    return false;
}

static value eval(value form, value environment)
{
    uint32_t roots_before = root_count;
    struct evaluation e = {form, environment};
    value result = NIL;
    for (bool done = false; !done;) {
        root_count = roots_before;
        root_push(e.form);
        root_push(e.environment);
        if (tag_of(e.form) == TAG_SYMBOL) {
            result = symbol_value(e.form, e.environment);
            break;
        }
        if (!is_pair(e.form)) {
            result = e.form;
            break;
        }
        value head = first(e.form);
        if (tag_of(head) == TAG_SYMBOL && head >> 2 < SPECIALS)
            done = eval_special(&e, head >> 2, &result);
        else
            done = eval_call(&e, &result);
    }
    root_count = roots_before;
    return result;
}

static void symbols_prepare(void)
{
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value symbol = symbol_find(names[i], strlen(names[i]));
        if (i >= SPECIALS)
            symbols[symbol >> 2].global = tagged(i - SPECIALS, TAG_OPERATION);
    }
}

static void program_define(void)
{
    const char *text = source;
    for (blanks_skip(&text); *text != '\0'; blanks_skip(&text)) {
        value form = read_form(&text);
        root_push(form);
        eval(form, NIL);
        root_count--;
    }
}

uint32_t kernel_run(uint32_t repeats)
{
    sweep();
    symbols_prepare();
    program_define();
    value program = symbol_find("main", 4);
    uint32_t result = 0;
    while (repeats-- > 0) {
        value call = cons(program, cons(number((int32_t)(result % 30269)), NIL));
        result = result * 31 + (uint32_t)number_of(eval(call, NIL));
    }
    return result;
}
