// append --dir DIR [--process N]: for the crash suite. First looks at the records that are there, from number 1
// on, and prints "have PROCESS LAST" (all up to LAST are whole and right). Then appends records for ever: each
// to the log, every 16th also as a file of its own; prints "record PROCESS NUMBER" only after fsync has said
// that they are on the disk. Contents, size and place of a record follow from its number, so that what a crash
// has torn is overwritten in place.

#include "disktool.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST = 12000, FILE_EVERY = 16 };

struct log {
  long process;
  char dir[200], path[256];
  int fd, folder;
  unsigned char wanted[LARGEST + 8], found[LARGEST + 8];
};

// Fills `to` with record `number`; returns its size.
static size_t record(const struct log *log, unsigned long number, unsigned char *to) {
  struct random r = { (number * 131 + (unsigned long)log->process + 1) * 0x9e3779b97f4a7c15ULL | 1 };
  size_t bytes = 24 + (random_below(&r, 4) == 0 ? random_below(&r, LARGEST - 24) : random_below(&r, 400));
  for (size_t n = 0; n < bytes; n += 8) {
    uint64_t word = random_next(&r);
    memcpy(to + n, &word, 8);
  }
  uint64_t head[2] = { number, bytes };
  memcpy(to, head, sizeof head);
  return bytes;
}

static void file_of(const struct log *log, unsigned long number, char *path, size_t bytes) {
  snprintf(path, bytes, "%s/%06lu", log->dir, number);
}

static bool holds(int fd, off_t at, struct log *log, size_t bytes) {
  ssize_t n = pread(fd, log->found, bytes, at);
  require(n < 0, "read");
  return n == (ssize_t)bytes && memcmp(log->found, log->wanted, bytes) == 0;
}

static bool is_there(struct log *log, unsigned long number, off_t at, size_t *bytes) {
  *bytes = record(log, number, log->wanted);
  if (!holds(log->fd, at, log, *bytes)) return false;
  if (number % FILE_EVERY != 0) return true;
  char path[300];
  file_of(log, number, path, sizeof path);
  int fd = open(path, O_RDONLY);
  bool good = fd >= 0 && holds(fd, 0, log, *bytes);
  if (fd >= 0) close(fd);
  return good;
}

static void put_file(struct log *log, unsigned long number, size_t bytes) {
  char path[300];
  file_of(log, number, path, sizeof path);
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  require(fd < 0, path);
  write_all(fd, log->wanted, bytes, 0, path);
  require(fsync(fd) != 0, "fsync");
  close(fd);
  require(fsync(log->folder) != 0, "fsync of the folder");
}

int append_main(int argc, char **argv) {
  static struct log log;
  const char *dir = option(argc, argv, "--dir", ".");
  log.process = option_number(argc, argv, "--process", 0);
  snprintf(log.dir, sizeof log.dir, "%s/records-%ld", dir, log.process);
  snprintf(log.path, sizeof log.path, "%s/log-%ld", dir, log.process);
  mkdir(log.dir, 0700);
  log.fd = open(log.path, O_CREAT | O_RDWR, 0600);
  log.folder = open(log.dir, O_RDONLY | O_DIRECTORY);
  require(log.fd < 0 || log.folder < 0, log.path);
  int parent = open(dir, O_RDONLY | O_DIRECTORY);
  require(parent < 0 || fsync(parent) != 0, "fsync of the folder");
  unsigned long number = 1;
  off_t at = 0;
  size_t bytes;
  for (; is_there(&log, number, at, &bytes); number++) at += (off_t)bytes;
  printf("have %ld %lu\n", log.process, number - 1);
  fflush(stdout);
  for (;; number++) {
    bytes = record(&log, number, log.wanted);
    write_all(log.fd, log.wanted, bytes, at, log.path);
    require(fsync(log.fd) != 0, "fsync");
    if (number % FILE_EVERY == 0) put_file(&log, number, bytes);
    at += (off_t)bytes;
    printf("record %ld %lu\n", log.process, number);
    fflush(stdout);
  }
}
