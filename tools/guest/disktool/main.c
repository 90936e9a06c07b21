// disktool COMMAND [--option value]...: see the file of each command. Exit status 0 well, 1 wrong data, 2 the
// kernel refused something or the arguments are wrong.

#include "disktool.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x6b6c62706b53ULL

struct header {
  uint64_t magic, offset, sum;
  uint32_t owner, generation;
};
enum { WORDS = BLOCK / 8, HEADER_WORDS = sizeof(struct header) / 8, SUM_WORD = 2 };

uint64_t random_next(struct random *r) {
  uint64_t x = r->state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return r->state = x;
}

uint32_t random_below(struct random *r, uint32_t limit) {
  return (uint32_t)((random_next(r) >> 16) % limit);
}

// The sum covers every word but its own.
static uint64_t block_sum(const uint64_t *words) {
  uint64_t sum = 0xcbf29ce484222325ULL;
  for (int n = 0; n < WORDS; n++) {
    if (n != SUM_WORD) sum = (sum ^ words[n]) * 0x100000001b3ULL;
  }
  return sum;
}

void block_fill(void *block, uint32_t owner, uint64_t offset, uint32_t generation) {
  uint64_t *words = block;
  struct random r = { (offset << 20 ^ (uint64_t)owner << 8 ^ generation) * 0x9e3779b97f4a7c15ULL | 1 };
  for (int n = HEADER_WORDS; n < WORDS; n++) words[n] = random_next(&r);
  struct header *h = block;
  *h = (struct header){ .magic = MAGIC, .offset = offset, .owner = owner, .generation = generation };
  h->sum = block_sum(words);
}

bool block_sound(const void *block, uint32_t owner, uint64_t offset, uint32_t *generation) {
  const struct header *h = block;
  *generation = h->generation;
  return h->magic == MAGIC && h->owner == owner && h->offset == offset && h->sum == block_sum(block);
}

void block_describe(const void *block, char *text, size_t bytes) {
  const struct header *h = block;
  const char *bytes_of = block;
  bool zero = true;
  for (int n = 0; n < BLOCK && zero; n++) zero = bytes_of[n] == 0;
  if (zero) snprintf(text, bytes, "zeros");
  else if (h->magic != MAGIC) snprintf(text, bytes, "no block of ours (%016llx)", (unsigned long long)h->magic);
  else {
    snprintf(text, bytes, "owner %u offset %llu generation %u, sum %s", h->owner, (unsigned long long)h->offset,
      h->generation, h->sum == block_sum(block) ? "right" : "wrong");
  }
}

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void require(bool bad, const char *what) {
  if (!bad) return;
  printf("disktool FAILED: %s: %s\n", what, strerror(errno));
  fflush(stdout);
  _exit(2);
}

void read_all(int fd, void *to, size_t bytes, off_t at, const char *what) {
  for (size_t done = 0; done < bytes;) {
    ssize_t n = pread(fd, (char *)to + done, bytes - done, at + (off_t)done);
    if (n == 0) errno = ENODATA;
    require(n <= 0, what);
    done += (size_t)n;
  }
}

void write_all(int fd, const void *from, size_t bytes, off_t at, const char *what) {
  for (size_t done = 0; done < bytes;) {
    ssize_t n = pwrite(fd, (const char *)from + done, bytes - done, at + (off_t)done);
    require(n <= 0, what);
    done += (size_t)n;
  }
}

void *aligned(size_t bytes) {
  void *at = NULL;
  require(posix_memalign(&at, BLOCK, bytes) != 0, "memory");
  return at;
}

void drop_caches(void) {
  int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
  require(fd < 0 || write(fd, "3", 1) != 1, "drop_caches");
  close(fd);
}

const char *option(int argc, char **argv, const char *name, const char *otherwise) {
  for (int n = 0; n + 1 < argc; n++) if (strcmp(argv[n], name) == 0) return argv[n + 1];
  return otherwise;
}

long option_number(int argc, char **argv, const char *name, long otherwise) {
  const char *text = option(argc, argv, name, NULL);
  return text == NULL ? otherwise : strtol(text, NULL, 0);
}

int main(int argc, char **argv) {
  static const struct { const char *name; int (*run)(int, char **); } commands[] = {
    { "load", load_main }, { "verify", verify_main }, { "storm", storm_main }, { "append", append_main },
    { "bench", bench_main }, { "eject", eject_main },
  };
  for (size_t n = 0; argc > 1 && n < sizeof commands / sizeof *commands; n++) {
    if (strcmp(argv[1], commands[n].name) == 0) return commands[n].run(argc - 2, argv + 2);
  }
  fprintf(stderr, "usage: disktool load|verify|storm|append|bench|eject [--option value]...\n");
  return 2;
}
