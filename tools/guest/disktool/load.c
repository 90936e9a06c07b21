// load --dir DIR [--device DEV] [--seconds N] [--seed N] [--processes N] [--threads N] [--mib N]
// Processes with a file each below DIR (the last one on DEV instead), threads with a region of the file each. A
// thread knows the generation of each of its blocks and checks every block that it reads in full. At the end
// everything is synced, the caches are dropped, and all blocks are read once more.
// verify: the same arguments; every block of what is there must be sound by itself, or a hole.

#include "disktool.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN = 32, MAX_THREADS = 16, MAX_PROCESSES = 32, SMALL = 20000 };

// One for all processes, in shared memory.
struct totals {
  atomic_ulong operations, read, written, errors, syncs, files, slowest_us;
  atomic_bool stop;
};
static struct totals *totals;

struct place {
  const char *dir, *device;
  int processes, threads;
  uint32_t blocks;
  unsigned long seed;
};

struct worker {
  const struct place *place;
  uint32_t owner, first, count;
  char path[256];
  bool is_device;
  int fd, direct;
  struct random random;
  uint32_t *generation;
  uint32_t highest;
  unsigned char *buffer, *wanted;
};

static void wrong(struct worker *w, uint32_t block, uint32_t wanted, const void *found) {
  char text[160];
  block_describe(found, text, sizeof text);
  if (atomic_fetch_add(&totals->errors, 1) < 20) {
    printf("disktool ERROR %s block %u: wanted generation %u, found %s\n", w->path, block, wanted, text);
    fflush(stdout);
  }
}

static void check(struct worker *w, uint32_t block, const void *found) {
  uint32_t wanted = w->generation[block - w->first];
  if (wanted == 0) memset(w->wanted, 0, BLOCK);
  else block_fill(w->wanted, w->owner, (uint64_t)block * BLOCK, wanted);
  if (memcmp(w->wanted, found, BLOCK) != 0) wrong(w, block, wanted, found);
}

static void check_run(struct worker *w, uint32_t block, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) check(w, block + k, w->buffer + k * BLOCK);
  atomic_fetch_add(&totals->read, (unsigned long)n * BLOCK);
}

static void renew(struct worker *w, uint32_t block, void *to) {
  w->generation[block - w->first] = ++w->highest;
  block_fill(to, w->owner, (uint64_t)block * BLOCK, w->highest);
}

static void renew_run(struct worker *w, uint32_t block, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) renew(w, block + k, w->buffer + k * BLOCK);
  atomic_fetch_add(&totals->written, (unsigned long)n * BLOCK);
}

static void read_run(struct worker *w, int fd, uint32_t block, uint32_t n) {
  double start = now();
  read_all(fd, w->buffer, (size_t)n * BLOCK, (off_t)block * BLOCK, w->path);
  unsigned long us = (unsigned long)((now() - start) * 1e6);
  unsigned long slowest = atomic_load(&totals->slowest_us);
  while (us > slowest && !atomic_compare_exchange_weak(&totals->slowest_us, &slowest, us)) {}
  check_run(w, block, n);
}

static void write_run(struct worker *w, int fd, uint32_t block, uint32_t n) {
  renew_run(w, block, n);
  write_all(fd, w->buffer, (size_t)n * BLOCK, (off_t)block * BLOCK, w->path);
}

static void map_run(struct worker *w, uint32_t block, uint32_t n) {
  size_t bytes = (size_t)n * BLOCK;
  unsigned char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, (off_t)block * BLOCK);
  require(map == MAP_FAILED, "mmap");
  for (uint32_t k = 0; k < n; k++) {
    check(w, block + k, map + k * BLOCK);
    if (random_below(&w->random, 2) == 0) continue;
    renew(w, block + k, map + k * BLOCK);
    atomic_fetch_add(&totals->written, BLOCK);
  }
  atomic_fetch_add(&totals->read, bytes);
  int how = (int)random_below(&w->random, 3);
  if (how != 0) require(msync(map, bytes, how == 1 ? MS_ASYNC : MS_SYNC) != 0, "msync");
  munmap(map, bytes);
}

static void punch(struct worker *w, uint32_t block, uint32_t n) {
  if (w->is_device) return;
  require(fallocate(w->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)block * BLOCK, (off_t)n * BLOCK) != 0,
    "fallocate");
  for (uint32_t k = 0; k < n; k++) w->generation[block - w->first + k] = 0;
}

static void sync_some(struct worker *w, uint32_t block, uint32_t n) {
  atomic_fetch_add(&totals->syncs, 1);
  switch (random_below(&w->random, 4)) {
  case 0: require(fsync(w->fd) != 0, "fsync"); break;
  case 1: require(fdatasync(w->fd) != 0, "fdatasync"); break;
  case 2: posix_fadvise(w->fd, (off_t)block * BLOCK, (off_t)n * BLOCK, POSIX_FADV_DONTNEED); break;
  default: sync_file_range(w->fd, (off_t)block * BLOCK, (off_t)n * BLOCK, SYNC_FILE_RANGE_WRITE); break;
  }
}

// A small file: made, renamed over another one, read, often deleted.
static void small_file(struct worker *w) {
  char old[300], path[300];
  uint32_t number = random_below(&w->random, 8);
  snprintf(old, sizeof old, "%s/small-%u.new", w->place->dir, w->owner);
  snprintf(path, sizeof path, "%s/small-%u-%u", w->place->dir, w->owner, number);
  uint32_t bytes = 1 + random_below(&w->random, SMALL);
  struct random r = { random_next(&w->random) | 1 };
  for (uint32_t k = 0; k < SMALL / 8; k++) ((uint64_t *)w->buffer)[k] = random_next(&r);
  int fd = open(old, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  require(fd < 0, old);
  write_all(fd, w->buffer, bytes, 0, old);
  if (random_below(&w->random, 3) == 0) require(fsync(fd) != 0, "fsync");
  close(fd);
  require(rename(old, path) != 0, "rename");
  if (random_below(&w->random, 3) == 0) sync_some(w, w->first, 1);
  fd = open(path, O_RDONLY);
  require(fd < 0, path);
  if (random_below(&w->random, 2) == 0) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  struct stat status;
  require(fstat(fd, &status) != 0, "fstat");
  unsigned char *found = w->buffer + (RUN - 8) * BLOCK;
  read_all(fd, found, bytes, 0, path);
  close(fd);
  if (status.st_size != (off_t)bytes || memcmp(found, w->buffer, bytes) != 0) {
    atomic_fetch_add(&totals->errors, 1);
    printf("disktool ERROR %s is not what was written\n", path);
  }
  if (random_below(&w->random, 3) == 0) require(unlink(path) != 0, "unlink");
  atomic_fetch_add(&totals->files, 1);
}

static void step(struct worker *w) {
  uint32_t n = random_below(&w->random, 3) != 0 ? 1 + random_below(&w->random, 4) : 1 + random_below(&w->random, RUN);
  if (n > w->count) n = w->count;
  uint32_t block = w->first + random_below(&w->random, w->count - n + 1);
  uint32_t dice = random_below(&w->random, 100);
  if (dice < 20) read_run(w, w->fd, block, n);
  else if (dice < 40) write_run(w, w->fd, block, n);
  else if (dice < 60) read_run(w, w->direct, block, n);
  else if (dice < 75) write_run(w, w->direct, block, n);
  else if (dice < 85) map_run(w, block, n);
  else if (dice < 92) sync_some(w, block, n);
  else if (dice < 95) punch(w, block, n < 4 ? n : 4);
  else if (dice < 99) { if (!w->is_device) small_file(w); }
  else if (random_below(&w->random, 8) == 0) drop_caches();
  atomic_fetch_add(&totals->operations, 1);
}

static void *work(void *argument) {
  struct worker *w = argument;
  for (uint32_t k = 0; k < w->count; k += RUN) {
    uint32_t n = w->count - k < RUN ? w->count - k : RUN;
    write_run(w, w->fd, w->first + k, n);
  }
  while (!atomic_load(&totals->stop)) step(w);
  require(fsync(w->fd) != 0, "fsync");
  posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
  drop_caches();
  for (uint32_t k = 0; k < w->count; k += RUN) {
    uint32_t n = w->count - k < RUN ? w->count - k : RUN;
    read_run(w, k / RUN % 2 == 0 ? w->direct : w->fd, w->first + k, n);
  }
  return NULL;
}

static void place_of(const struct place *p, int process, char *path, size_t bytes, bool *is_device) {
  *is_device = p->device != NULL && process == p->processes - 1;
  if (*is_device) snprintf(path, bytes, "%s", p->device);
  else snprintf(path, bytes, "%s/file-%d", p->dir, process);
}

static void run_process(const struct place *p, int process) {
  struct worker workers[MAX_THREADS];
  pthread_t threads[MAX_THREADS];
  char path[256];
  bool is_device;
  place_of(p, process, path, sizeof path, &is_device);
  int fd = open(path, O_RDWR | (is_device ? 0 : O_CREAT), 0600);
  require(fd < 0, path);
  if (!is_device) require(ftruncate(fd, (off_t)p->blocks * BLOCK) != 0, "ftruncate");
  int direct = open(path, O_RDWR | O_DIRECT);
  require(direct < 0, "O_DIRECT");
  uint32_t each = p->blocks / (uint32_t)p->threads;
  for (int n = 0; n < p->threads; n++) {
    struct worker *w = &workers[n];
    memset(w, 0, sizeof *w);
    *w = (struct worker){ .place = p, .owner = (uint32_t)(process * MAX_THREADS + n), .first = (uint32_t)n * each,
      .count = each, .is_device = is_device, .fd = fd, .direct = direct };
    memcpy(w->path, path, sizeof path);
    w->random.state = (p->seed * 1000003 + w->owner + 1) * 0x9e3779b97f4a7c15ULL | 1;
    w->generation = calloc(each, sizeof *w->generation);
    w->buffer = aligned(RUN * BLOCK);
    w->wanted = aligned(BLOCK);
    require(w->generation == NULL, "memory");
    require(pthread_create(&threads[n], NULL, work, w) != 0, "thread");
  }
  for (int n = 0; n < p->threads; n++) pthread_join(threads[n], NULL);
  close(direct);
  close(fd);
}

static struct place place_from(int argc, char **argv) {
  struct place p = { .dir = option(argc, argv, "--dir", "."), .device = option(argc, argv, "--device", NULL) };
  p.processes = (int)option_number(argc, argv, "--processes", 4);
  p.threads = (int)option_number(argc, argv, "--threads", 2);
  p.blocks = (uint32_t)(option_number(argc, argv, "--mib", 4) * (1 << 20) / BLOCK);
  p.seed = (unsigned long)option_number(argc, argv, "--seed", 1);
  errno = EINVAL;
  require(p.processes < 1 || p.processes > MAX_PROCESSES || p.threads < 1 || p.threads > MAX_THREADS || p.blocks == 0,
    "arguments");
  return p;
}

int load_main(int argc, char **argv) {
  struct place p = place_from(argc, argv);
  long seconds = option_number(argc, argv, "--seconds", 10);
  pid_t children[MAX_PROCESSES];
  totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(totals == MAP_FAILED, "memory");
  fflush(stdout);
  for (int n = 0; n < p.processes; n++) {
    children[n] = fork();
    require(children[n] < 0, "fork");
    if (children[n] == 0) {
      run_process(&p, n);
      fflush(stdout);
      _exit(0);
    }
  }
  sleep((unsigned)seconds);
  atomic_store(&totals->stop, true);
  bool died = false;
  for (int n = 0; n < p.processes; n++) {
    int status = 0;
    waitpid(children[n], &status, 0);
    died |= status != 0;
  }
  sync();
  printf("disktool load: %lu operations, %lu MiB read, %lu MiB written, %lu syncs, %lu files, slowest read %lu ms, "
    "%lu errors%s\n", totals->operations, totals->read >> 20, totals->written >> 20, totals->syncs, totals->files,
    totals->slowest_us / 1000, totals->errors, died ? ", a process failed" : "");
  return totals->errors != 0 || died;
}

int verify_main(int argc, char **argv) {
  struct place p = place_from(argc, argv);
  unsigned long holes = 0, sound = 0, errors = 0;
  static unsigned char zero[BLOCK];
  unsigned char *block = aligned(BLOCK);
  for (int process = 0; process < p.processes; process++) {
    char path[256], text[160];
    bool is_device;
    place_of(&p, process, path, sizeof path, &is_device);
    int fd = open(path, O_RDONLY);
    require(fd < 0, path);
    uint32_t each = p.blocks / (uint32_t)p.threads;
    for (uint32_t n = 0; n < each * (uint32_t)p.threads; n++) {
      uint32_t generation;
      read_all(fd, block, BLOCK, (off_t)n * BLOCK, path);
      if (block_sound(block, (uint32_t)process * MAX_THREADS + n / each, (uint64_t)n * BLOCK, &generation)) sound++;
      else if (!is_device && memcmp(block, zero, BLOCK) == 0) holes++;
      else if (errors++ < 20) {
        block_describe(block, text, sizeof text);
        printf("disktool ERROR %s block %u holds %s\n", path, n, text);
      }
    }
    close(fd);
  }
  printf("disktool verify: %lu blocks sound, %lu holes, %lu errors\n", sound, holes, errors);
  return errors != 0 || sound == 0;
}
