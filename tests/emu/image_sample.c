/* SPDX-License-Identifier: MIT
 *
 * A small guest that is loaded by test_image.c and never run. What the compiler, linker and readelf make of it is what
 * the loader must find.
 */
static int counter = 0x11223344;
static const char text[] = "some constant bytes, enough to cross a few lines of a dump";
static unsigned char space[3 * 4096];

static __attribute__((noinline)) int add(int a, int b)
{
    return a + b + counter;
}

int multiply(int a, int b);

int multiply(int a, int b)
{
    return a * b + text[a & 15];
}

int multiply_alias(int a, int b) __attribute__((alias("multiply")));

void _start(void);

void _start(void)
{
    for (;;) {
        counter = add(counter, multiply(counter, space[0]));
        space[counter & 4095] = (unsigned char)counter;
    }
}
