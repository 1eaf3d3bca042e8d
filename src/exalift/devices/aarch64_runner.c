/* Runs kernels of one session, in a process of its own (under qemu-user where the machine is another).

   Requests come on standard input, answers go to standard output. Every request is a header of two
   little-endian 64-bit integers, operation and length of what follows; every answer is a status (0: right)
   and a length. Lengths are checked against what an operation can take before anything is read, and sizes
   of buffers before anything is copied. SIGUSR1 asks the launches in progress to stop at yield points. */

#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPERATION_LOAD = 1, ALLOCATE, FREE, WRITE, READ, LAUNCH, BEGIN };
enum { MOST_BUFFERS = 65536, MOST_LIBRARIES = 4096, MOST_WORDS = 1 << 20 };

typedef void (*nest_function)(void *const *, const int32_t *, int32_t, int32_t, volatile int *);
typedef struct {
  char *start;
  uint64_t size;
} buffer;

static buffer buffers[MOST_BUFFERS];
static void *libraries[MOST_LIBRARIES];
static int64_t library_count;
static int32_t words[MOST_WORDS];
static volatile int interrupted;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

static int take(void *target, uint64_t size) {
  char *place = target;
  while (size) {
    ssize_t got = read(0, place, size < (1 << 20) ? size : (1 << 20));
    if (got < 0) continue; /* a signal */
    if (got == 0) return 0;
    place += got;
    size -= (uint64_t)got;
  }
  return 1;
}

static void give(const void *source, uint64_t size) {
  const char *place = source;
  while (size) {
    ssize_t put = write(1, place, size < (1 << 20) ? size : (1 << 20));
    if (put < 0) continue;
    place += put;
    size -= (uint64_t)put;
  }
}

static void answer(int64_t status, uint64_t length) {
  int64_t header[2] = {status, (int64_t)length};
  give(header, sizeof header);
}

static int load(uint64_t length) {
  char path[4096];
  if (length >= sizeof path || library_count == MOST_LIBRARIES) return 0;
  if (!take(path, length)) return 0;
  path[length] = 0;
  libraries[library_count] = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!libraries[library_count]) {
    const char *reason = dlerror();
    answer(1, strlen(reason));
    give(reason, strlen(reason));
    return 1;
  }
  answer(0, sizeof library_count);
  give(&library_count, sizeof library_count);
  library_count++;
  return 1;
}

static int allocate(uint64_t length) {
  uint64_t size;
  if (length != sizeof size || !take(&size, sizeof size)) return 0;
  for (int64_t id = 0; id < MOST_BUFFERS; id++) {
    if (buffers[id].start) continue;
    void *start = NULL;
    if (size > ((uint64_t)1 << 40) || posix_memalign(&start, 64, size + 64)) {
      answer(2, 0);
      return 1;
    }
    memset(start, 0, size);
    buffers[id] = (buffer){start, size};
    answer(0, sizeof id);
    give(&id, sizeof id);
    return 1;
  }
  answer(2, 0);
  return 1;
}

static buffer *named(uint64_t length, uint64_t least) {
  uint64_t id;
  if (length < least || !take(&id, sizeof id)) return NULL;
  return id < MOST_BUFFERS && buffers[id].start ? &buffers[id] : NULL;
}

/* words: library, nest, number of buffers, buffers, number of integers, integers, extents along 1 and 0 */
static int32_t launch_one(const int32_t *place, const int32_t *end, const int32_t **next) {
  void *bound[256];
  char name[32];
  if (end - place < 3 || place[0] < 0 || place[0] >= library_count) return 1;
  snprintf(name, sizeof name, "nest_%d", place[1]);
  nest_function nest = (nest_function)dlsym(libraries[place[0]], name);
  int32_t count = place[2];
  if (!nest || count < 0 || count > 256 || end - place < 4 + count) return 1;
  for (int32_t position = 0; position < count; position++) {
    int32_t id = place[3 + position];
    if (id < 0 || id >= MOST_BUFFERS || !buffers[id].start) return 1;
    bound[position] = buffers[id].start;
  }
  place += 3 + count;
  int32_t integers = *place++;
  if (integers < 0 || integers > 4096 || end - place < integers + 2) return 1;
  nest(bound, place, place[integers], place[integers + 1], &interrupted);
  *next = place + integers + 2;
  return 0;
}

static int launch(uint64_t length) {
  if (length > sizeof words || length % 4 || !take(words, length)) return 0;
  const int32_t *place = words, *end = words + length / 4;
  while (place < end) {
    if (launch_one(place, end, &place)) {
      answer(3, 0);
      return 1;
    }
  }
  answer(0, 0);
  return 1;
}

int main(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  answer(0, 0);
  for (;;) {
    int64_t header[2];
    if (!take(header, sizeof header)) return 0;
    uint64_t length = (uint64_t)header[1];
    int right = 1;
    buffer *one;
    switch (header[0]) {
    case OPERATION_LOAD: right = load(length); break;
    case ALLOCATE: right = allocate(length); break;
    case FREE:
      one = named(length, 8);
      right = one && length == 8;
      if (right) {
        free(one->start);
        one->start = NULL;
        answer(0, 0);
      }
      break;
    case WRITE:
      one = named(length, 8);
      right = one && one->size == length - 8 && take(one->start, one->size);
      if (right) answer(0, 0);
      break;
    case READ:
      one = named(length, 8);
      right = one && length == 8;
      if (right) {
        answer(0, one->size);
        give(one->start, one->size);
      }
      break;
    case LAUNCH: right = launch(length); break;
    case BEGIN:
      interrupted = 0;
      answer(0, 0);
      break;
    default: right = 0;
    }
    if (!right) return 4; /* nothing more can be understood on this pipe */
  }
}
