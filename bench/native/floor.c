#include "floor.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* No floor needs a tenth of this; a machine that is busy beyond use ends here instead of spinning on. */
#define TIME_LIMIT_S 60

bool floor_one_core;
static struct floor_options options;
static uint32_t *samples;
static pid_t server = -1;

void floor_fail(const char *action, const char *reason) {
  fprintf(stderr, "%s: %s\n", action, reason);
  if (server > 0) kill(server, SIGKILL);
  _exit(1);
}

int floor_check(long result, const char *action) {
  if (result < 0) floor_fail(action, strerror(errno));
  return (int)result;
}

static uint32_t parse_number(const char *text, const char *name, unsigned long long max) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value > max) floor_fail(name, "not a number in range");
  return (uint32_t)value;
}

struct floor_options floor_parse(int argc, char **argv) {
  if (argc < 4 || argc > 5) floor_fail("usage", "PROGRAM PAYLOAD_BYTES TRIPS WARMUP [PROVIDER]");
  options.payload_bytes = parse_number(argv[1], "PAYLOAD_BYTES", 1u << 30);
  options.trips = parse_number(argv[2], "TRIPS", 100000000);
  options.warmup = parse_number(argv[3], "WARMUP", 100000000);
  options.provider = argc > 4 ? argv[4] : "tcp";
  samples = malloc(((size_t)options.trips + 1) * sizeof *samples);
  if (samples == NULL) floor_fail("keep samples", "out of memory");
  memset(samples, 0xff, ((size_t)options.trips + 1) * sizeof *samples); /* page faults now, not while timing */
  return options;
}

static void on_signal(int number) {
  static const char ended[] = "the server ended early\n", late[] = "the time limit is over\n";
  if (number == SIGCHLD) (void)!write(STDERR_FILENO, ended, sizeof ended - 1);
  else (void)!write(STDERR_FILENO, late, sizeof late - 1);
  if (server > 0) kill(server, SIGKILL);
  _exit(1);
}

/* The `index`-th core that this process may use. */
static void pin(int index) {
  cpu_set_t allowed, one;
  floor_check(sched_getaffinity(0, sizeof allowed, &allowed), "read the affinity");
  for (int core = 0, seen = 0; core < CPU_SETSIZE; core++) {
    if (!CPU_ISSET(core, &allowed) || seen++ != index) continue;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    floor_check(sched_setaffinity(0, sizeof one, &one), "pin to a core");
    return;
  }
}

enum floor_side floor_fork(void) {
  cpu_set_t allowed;
  floor_check(sched_getaffinity(0, sizeof allowed, &allowed), "read the affinity");
  floor_one_core = CPU_COUNT(&allowed) < 2;
  floor_check(prctl(PR_SET_PDEATHSIG, SIGKILL), "die with the parent");
  signal(SIGCHLD, on_signal);
  signal(SIGALRM, on_signal);
  signal(SIGTERM, on_signal);
  signal(SIGINT, on_signal);
  alarm(TIME_LIMIT_S);

  pid_t client = getpid();
  pid_t forked = floor_check(fork(), "fork the server");
  if (forked == 0) {
    floor_check(prctl(PR_SET_PDEATHSIG, SIGKILL), "die with the parent");
    if (getppid() != client) _exit(1);
    alarm(TIME_LIMIT_S);
    if (!floor_one_core) pin(1);
    return FLOOR_SERVER;
  }
  server = forked;
  if (!floor_one_core) pin(0);
  return FLOOR_CLIENT;
}

void *floor_shared(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) floor_fail("map shared memory", strerror(errno));
  return memory;
}

uint64_t floor_record(uint32_t trip, uint64_t begin_ns) {
  uint64_t now = floor_now_ns();
  uint64_t taken = now - begin_ns;
  if (trip >= options.warmup) samples[trip - options.warmup] = taken > UINT32_MAX ? UINT32_MAX : (uint32_t)taken;
  return now;
}

void floor_finish(void) {
  signal(SIGCHLD, SIG_DFL);
  if (server > 0) {
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
  }
  for (uint32_t trip = 0; trip < options.trips; trip++) printf("%u\n", samples[trip]);
  if (fflush(stdout) != 0) floor_fail("print samples", strerror(errno));
  exit(0);
}

void floor_yield(void) { sched_yield(); }
