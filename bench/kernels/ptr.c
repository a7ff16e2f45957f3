/* SPDX-License-Identifier: MIT
 *
 * Pointers: quicksort, a binary search tree, a list in scattered order. Dependent loads and branches that are hard to
 * predict.
 */
#include <stddef.h>

#include "kernel.h"

#define SIZE 4096

const char kernel_name[] = "ptr";
const uint32_t kernel_repeats = 1200;

struct node {
    uint32_t key;
    struct node *left, *right;
};

static uint32_t numbers[SIZE];
static struct node nodes[SIZE];

static void numbers_swap(uint32_t *a, uint32_t *b)
{
    uint32_t number = *a;
    *a = *b;
    *b = number;
}

static void sort(uint32_t *low, uint32_t *high)
{
    while (low < high) {
        uint32_t pivot = low[(high - low) / 2];
        uint32_t *left = low, *right = high;
        while (left <= right) {
            while (*left < pivot)
                left++;
            while (*right > pivot)
                right--;
            if (left <= right)
                numbers_swap(left++, right--);
        }
        sort(low, right);
        low = left;
    }
}

static uint32_t sort_run(uint32_t seed)
{
    for (uint32_t i = 0; i < SIZE; i++)
        numbers[i] = random_next(&seed);
    sort(numbers, numbers + SIZE - 1);
    return numbers[SIZE / 3];
}

static void tree_insert(struct node **root, struct node *node)
{
    while (*root != NULL)
        root = node->key < (*root)->key ? &(*root)->left : &(*root)->right;
    *root = node;
}

static uint32_t tree_depth(const struct node *node)
{
    if (node == NULL)
        return 0;
    uint32_t left = tree_depth(node->left), right = tree_depth(node->right);
    return 1 + (left > right ? left : right);
}

static uint32_t tree_run(uint32_t seed)
{
    struct node *root = NULL;
    for (uint32_t i = 0; i < SIZE; i++) {
        nodes[i] = (struct node){.key = random_next(&seed)};
        tree_insert(&root, &nodes[i]);
    }
    return tree_depth(root);
}

/* The step is odd, so the list passes every node once. */
static uint32_t list_run(uint32_t seed)
{
    uint32_t step = seed % SIZE | 1, sum = 0;
    for (uint32_t i = 0; i < SIZE; i++)
        nodes[i * step % SIZE].left = &nodes[(i + 1) * step % SIZE];
    struct node *node = nodes;
    for (uint32_t i = 0; i < 8 * SIZE; i++) {
        sum = sum * 3 + node->key;
        node = node->left;
    }
    return sum;
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = 3;
    while (repeats-- > 0) {
        result = result * 31 + sort_run(result);
        result = result * 31 + tree_run(result);
        result = result * 31 + list_run(result);
    }
    return result;
}
