// What the parts of disktool share: self-describing blocks, time, random numbers, errors. disktool is the
// program of the disk suites in the guest (tools/guest/disk-guest.ts): `load` mixes verified I/O, `verify` reads
// what a load left, `storm` disturbs, `append` writes records that a crash may not lose, `bench` measures.

#ifndef DISKTOOL_H
#define DISKTOOL_H
#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { BLOCK = 4096 };

// Fills a block whose contents follow from whose it is, where it lies and how often it was written.
void block_fill(void *block, uint32_t owner, uint64_t offset, uint32_t generation);
// Looks at a block by itself: true when its sum is right and it lies where it says. `generation` is what it says.
bool block_sound(const void *block, uint32_t owner, uint64_t offset, uint32_t *generation);
// What a wrong block holds, for people.
void block_describe(const void *block, char *text, size_t bytes);

struct random { uint64_t state; };
uint64_t random_next(struct random *r);
uint32_t random_below(struct random *r, uint32_t limit);

double now(void);
// Ends the program with a sentence when `bad`; errno is named.
void require(bool bad, const char *what);
// All of it or the end of the program.
void read_all(int fd, void *to, size_t bytes, off_t at, const char *what);
void write_all(int fd, const void *from, size_t bytes, off_t at, const char *what);
void *aligned(size_t bytes);
void drop_caches(void);
// Value of `--name` among the arguments, or `otherwise`.
const char *option(int argc, char **argv, const char *name, const char *otherwise);
long option_number(int argc, char **argv, const char *name, long otherwise);

int load_main(int argc, char **argv);
int verify_main(int argc, char **argv);
int storm_main(int argc, char **argv);
int append_main(int argc, char **argv);
int bench_main(int argc, char **argv);
int eject_main(int argc, char **argv);
#endif
