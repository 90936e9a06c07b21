// storm [--irq N] [--hz N]: disturbs until it is killed, then says what it did: a timer of `hz` on every CPU's
// behalf, and the interrupt of the disk sent to another CPU every 20 ms (/proc/irq/N/smp_affinity).

#include "disktool.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOVE_MS = 20 };
static atomic_bool stop;

static void on_signal(int number) {
  (void)number;
  atomic_store(&stop, true);
}

// Absolute deadlines: a late tick does not make the next one later.
static void *tick(void *argument) {
  long hz = *(const long *)argument;
  unsigned long count = 0;
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  while (!atomic_load(&stop)) {
    next.tv_nsec += 1000000000 / hz;
    if (next.tv_nsec >= 1000000000) {
      next.tv_nsec -= 1000000000;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    count++;
  }
  return (void *)count;
}

int storm_main(int argc, char **argv) {
  long hz = option_number(argc, argv, "--hz", 1000);
  long irq = option_number(argc, argv, "--irq", 14);
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  char path[64];
  snprintf(path, sizeof path, "/proc/irq/%ld/smp_affinity", irq);
  signal(SIGTERM, on_signal);
  // Before everything that the load does.
  struct sched_param first = { .sched_priority = 50 };
  require(sched_setscheduler(0, SCHED_FIFO, &first) != 0, "priority");
  pthread_t ticker;
  require(pthread_create(&ticker, NULL, tick, &hz) != 0, "thread");
  unsigned long moves = 0;
  while (!atomic_load(&stop)) {
    char mask[32];
    int bytes = snprintf(mask, sizeof mask, "%lx\n", 1UL << moves % (unsigned long)cpus);
    int fd = open(path, O_WRONLY);
    // An interrupt that is just being moved refuses: the next turn moves it.
    require(fd < 0 || (write(fd, mask, (size_t)bytes) != bytes && errno != EBUSY), path);
    close(fd);
    moves++;
    usleep(MOVE_MS * 1000);
  }
  void *ticks;
  pthread_join(ticker, &ticks);
  printf("disktool storm: %lu ticks, %lu moves\n", (unsigned long)ticks, moves);
  return 0;
}
