// bench --device DEV [--mib N] [--seconds N] [--write 1]: direct I/O on a raw device: sequential read and write
// in requests of 1 MiB, random reads of 4 KiB one at a time, and a sequential read through the page cache. Prints
// "bench NAME VALUE UNIT" a line. Writing destroys what is on the device.

#include "disktool.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, SMALL = 4096, MIB = 1 << 20 };

static void sequential(const char *name, int fd, void *buffer, long mib, bool writing) {
  double start = now();
  for (long n = 0; n < mib; n++) {
    off_t at = (off_t)n * CHUNK;
    if (writing) write_all(fd, buffer, CHUNK, at, name);
    else read_all(fd, buffer, CHUNK, at, name);
  }
  if (writing) require(fsync(fd) != 0, "fsync");
  printf("bench %s %.1f MB/s\n", name, (double)mib * MIB / 1e6 / (now() - start));
  fflush(stdout);
}

static void random_reads(int fd, void *buffer, long mib, long seconds) {
  struct random r = { 0x9e3779b97f4a7c15ULL };
  uint32_t blocks = (uint32_t)(mib * (MIB / SMALL));
  double start = now();
  unsigned long done = 0;
  while (now() - start < (double)seconds) {
    for (int n = 0; n < 16; n++, done++) {
      read_all(fd, buffer, SMALL, (off_t)random_below(&r, blocks) * SMALL, "random");
    }
  }
  printf("bench random-read-4k %.0f IOPS\n", (double)done / (now() - start));
  fflush(stdout);
}

int bench_main(int argc, char **argv) {
  const char *device = option(argc, argv, "--device", "/dev/sda");
  long mib = option_number(argc, argv, "--mib", 128);
  long seconds = option_number(argc, argv, "--seconds", 3);
  int direct = open(device, O_RDWR | O_DIRECT);
  int cached = open(device, O_RDONLY);
  require(direct < 0 || cached < 0, device);
  unsigned char *buffer = aligned(CHUNK);
  struct random r = { 1234567 };
  for (int n = 0; n < CHUNK / 8; n++) ((uint64_t *)buffer)[n] = random_next(&r);
  if (option_number(argc, argv, "--write", 1) != 0) sequential("sequential-write", direct, buffer, mib, true);
  sequential("sequential-read", direct, buffer, mib, false);
  random_reads(direct, buffer, mib, seconds);
  drop_caches();
  sequential("cached-read", cached, buffer, mib, false);
  return 0;
}
