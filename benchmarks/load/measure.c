// Time, latencies, the server's CPU time and memory, and how a run fails.
#define _GNU_SOURCE
#include "sioload.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// A histogram with 32 buckets for each power of two: quantiles are within 3 %.
enum { STEPS = 32 };
static uint64_t buckets[64 * STEPS], latencies, longest;

void latency_add(uint64_t value) {
  if (value > longest) longest = value;
  latencies++;
  if (value < STEPS) {
    buckets[value]++;
    return;
  }
  int exponent = 63 - __builtin_clzll(value);
  buckets[(exponent - 4) * STEPS + (int)((value >> (exponent - 5)) & (STEPS - 1))]++;
}

double latency_us(double quantile) {
  uint64_t wanted = (uint64_t)(quantile * (double)latencies), seen = 0;
  for (int i = 0; latencies && i < 64 * STEPS; i++) {
    seen += buckets[i];
    if (seen <= wanted) continue;
    if (i < STEPS) return i / 1e3;
    int exponent = i / STEPS + 4;
    uint64_t low = (1ull << exponent) + ((uint64_t)(i % STEPS) << (exponent - 5));
    return ((double)low + (double)(1ull << (exponent - 5)) / 2) / 1e3;
  }
  return (double)longest / 1e3;
}

double latency_max_us(void) { return (double)longest / 1e3; }

// User and system time of every thread of the server's processes, to the nanosecond; resident memory to the page.
Usage server_usage(void) {
  Usage usage = {0, 0};
  for (int i = 0; i < options.pid_count; i++) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(options.pids[i], &clock) || clock_gettime(clock, &t)) fail("a server process has ended");
    usage.cpu_seconds += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/statm", (int)options.pids[i]);
    FILE *file = fopen(name, "r");
    long resident = 0;
    if (file && fscanf(file, "%*d %ld", &resident) == 1) usage.rss_kib += resident * (sysconf(_SC_PAGESIZE) / 1024);
    if (file) fclose(file);
  }
  return usage;
}

double own_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void fail(const char *why) {
  printf("{\"mode\":\"%s\",\"error\":\"%s%s%s\",\"ready\":%d,\"errors\":%llu}\n", options.mode_name, why,
         run.first_error[0] ? ": " : "", run.first_error, run.ready, (unsigned long long)run.errors);
  fflush(stdout);
  _exit(2);
}

// One wrong answer spoils the run; many end it.
void error(const char *what) {
  if (!run.errors++) snprintf(run.first_error, sizeof run.first_error, "%s", what);
  if (run.errors > 100) fail("too many errors");
}
