/* Runs every kernel of the table on one to three threads and compares. Written for `foreign_cpu.py`.
   Arrays end where memory ends, so that no kernel reads or writes beyond them. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where an array lies in the data. */
struct array {
  long at, bytes, element;
};
enum kind { INTEGER, BF16, F16, F32, F64 };
typedef void entry(long part, long parts, void *arguments, void *barrier);
#include "table.h"

struct kernel {
  const char *name;
  entry *pack, *run;
  long packed_bytes, workspace_bytes[3];
  struct array lhs, rhs, before;
  long wanted;
  enum kind kind;
  double tolerance;
  int operands;
  struct array extra[MOST_OPERANDS + 1];
};

enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, PAGE = 4096, LARGEST_TEAM = 3 };
extern const unsigned char data[];
static const struct kernel kernels[] = {TABLE};

struct share {
  entry *function;
  long part, parts;
  void **arguments;
  void *barrier;
  unsigned long in_use;
};

/* Memory with a page behind it that must not be touched. The end is at a multiple of `alignment`. */
static unsigned char *guarded(long size, long alignment) {
  long whole = (size + 2 * PAGE - 1) / PAGE * PAGE, room = (size + alignment - 1) / alignment * alignment;
  unsigned char *base = mmap(0, whole + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base + whole, PAGE, PROT_NONE)) abort();
  memset(base, 0xff, whole);
  return base + whole - room;
}

static unsigned char *copy(struct array array) {
  return memcpy(guarded(array.bytes, array.element), data + array.at, array.bytes);
}

/* Which of the processor's extended states are in use: bit 18 are tiles that were not released. */
static unsigned long states_in_use(void) {
#if NEEDS_TILES
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
  return low;
#else
  return 0;
#endif
}

static void *work(void *given) {
  struct share *share = given;
  share->function(share->part, share->parts, share->arguments, share->barrier);
  share->in_use = states_in_use();
  return 0;
}

/* A team of fresh threads; gives the states in use at the end in any of them. */
static unsigned long together(entry *function, long threads, void **arguments) {
  static _Alignas(64) unsigned char barrier[256];
  struct share shares[LARGEST_TEAM];
  pthread_t others[LARGEST_TEAM];
  unsigned long in_use = 0;
  memset(barrier, 0, sizeof barrier);
  for (long part = threads - 1; part >= 0; part--) {
    shares[part] = (struct share){function, part, threads, arguments, barrier, 0};
    if (!part) work(&shares[0]);
    else if (pthread_create(&others[part], 0, work, &shares[part])) abort();
  }
  for (long part = 0; part < threads; part++) {
    if (part && pthread_join(others[part], 0)) abort();
    in_use |= shares[part].in_use;
  }
  return in_use;
}

static double number(const struct kernel *kernel, const unsigned char *at, long index) {
  uint32_t bits;
  switch (kernel->kind) {
    case BF16: bits = (uint32_t)((const uint16_t *)at)[index] << 16; break;
    case F16: return ((const _Float16 *)at)[index];
    case F32: memcpy(&bits, at + 4 * index, 4); break;
    default: return ((const double *)at)[index];
  }
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static int differs(const struct kernel *kernel, const unsigned char *out, const unsigned char *wanted) {
  if (kernel->kind == INTEGER || kernel->tolerance == 0) return memcmp(out, wanted, kernel->before.bytes) != 0;
  for (long index = 0; index < kernel->before.bytes / kernel->before.element; index++) {
    double apart = fabs(number(kernel, out, index) - number(kernel, wanted, index));
    if (!(apart <= kernel->tolerance)) return 1;
  }
  return 0;
}

/* Nothing where it is right, else what is wrong. */
static const char *run(const struct kernel *kernel, long threads) {
  void *extra[MOST_OPERANDS + 1] = {0};
  for (int position = 0; position < kernel->operands; position++)
    extra[position] = copy(kernel->extra[position]);
  unsigned char *out = copy(kernel->before);
  unsigned char *packed = guarded(kernel->packed_bytes, 64);
  unsigned char *workspace = guarded(kernel->workspace_bytes[threads - 1], 64);
  memset(workspace, 0, kernel->workspace_bytes[threads - 1]);
  void *lhs = copy(kernel->lhs), *rhs = copy(kernel->rhs);
  void *pack[] = {0, rhs, 0, packed, workspace, extra}, *all[] = {lhs, 0, out, packed, workspace, extra};
  together(kernel->pack, threads, pack);
  unsigned long in_use = together(kernel->run, threads, all);
  if (in_use >> TILE_DATA & 1) return "tiles not released";
  return differs(kernel, out, data + kernel->wanted) ? "WRONG" : 0;
}

/* Before the system permits tiles, a kernel that uses them ends the process. */
static int without_permission(void) {
  fflush(stdout);
  pid_t child = fork();
  if (!child) {
    run(&kernels[FIRST_WITH_TILES], 1);
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 1;
  int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  printf("without permission: signal %d (%s)\n", signal, signal == SIGILL ? "as it should be" : "WRONG");
  return signal != SIGILL;
}

int main(void) {
  int wrong = 0;
  setvbuf(stdout, 0, _IOLBF, 0);
  if (NEEDS_TILES) {
    wrong += without_permission();
    long answer = syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA);
    printf("permission for tiles: %ld\n", answer);
    if (answer) return 2;
  }
  for (unsigned long at = 0; at < sizeof kernels / sizeof *kernels; at++)
    for (long threads = 1; threads <= LARGEST_TEAM; threads++) {
      const char *fault = run(&kernels[at], threads);
      wrong += fault != 0;
      if (fault) printf("%s, %ld threads: %s\n", kernels[at].name, threads, fault);
      else if (threads == LARGEST_TEAM) printf("%s: right\n", kernels[at].name);
    }
  printf("%lu kernels, %d wrong\n", (unsigned long)(sizeof kernels / sizeof *kernels), wrong);
  return wrong != 0;
}
