// sioload: the command, and the course of a run: ramp, warm-up, measured window, one line of JSON.
#define _GNU_SOURCE
#include "sioload.h"

#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage_text[] =
    "sioload --mode=MODE --port=PORT[,PORT...] [options]\n"
    "  --mode         echo: events that are acknowledged; broadcast: one client's to all; storm: connect, join, close;\n"
    "                 idle: connected only; poll: echo over long polling\n"
    "  --clients      50    connections, spread over the ports in turn\n"
    "  --active       all   of them that send (echo)\n"
    "  --in-flight    1     events of one client that wait for their acknowledgement (echo, poll)\n"
    "  --outstanding  1     broadcasts under way (broadcast)\n"
    "  --rate         0     events per second of all clients together, whether answered or not; 0: as fast as answers come\n"
    "  --event        echo  its name (broadcast: bcast)\n"
    "  --size         32    bytes of the payload, at least 8\n"
    "  --seconds 5, --warmup 1, --ramp-limit 60, --path /socket.io/\n"
    "  --pids         the server's processes: their CPU time and memory are measured\n"
    "  --core         the core to run on\n"
    "  --sources      1     source addresses, 127.0.0.2 and on\n"
    "  --tls, --deflate\n"
    "  --features     print which of these two were built in\n";

enum { AT_ONCE = 32, STORM_SOURCES = 50, GRACE = 15 };
static const uint64_t STUCK = 5000000000u, PATIENCE = 10000000000u;

Options options = {.mode_name = "", .path = "/socket.io/", .clients = 50, .in_flight = 1, .outstanding = 1, .sources = 1,
                   .core = -1, .size = 32, .seconds = 5, .warmup = 1, .ramp_limit = 60};
Run run;

static void usage(const char *what) {
  fprintf(stderr, "sioload: %s\n%s", what, usage_text);
  exit(1);
}

static int numbers(char *text, int *to, int most) {
  int count = 0;
  for (char *item = strtok(text, ","); item; item = strtok(NULL, ",")) {
    if (count == most) usage("too many numbers");
    to[count++] = atoi(item);
  }
  return count;
}

static void features(void) {
  printf("%s%s%s\n", has_tls ? "tls" : "", has_tls && has_deflate ? " " : "", has_deflate ? "deflate" : "");
  exit(0);
}

static void parse_options(int argc, char **argv) {
  static const struct option names[] = {
      {"mode", 1, 0, 'm'},    {"port", 1, 0, 'P'},    {"clients", 1, 0, 'c'},    {"active", 1, 0, 'a'},
      {"in-flight", 1, 0, 'w'}, {"outstanding", 1, 0, 'k'}, {"rate", 1, 0, 'r'}, {"event", 1, 0, 'e'},
      {"size", 1, 0, 's'},    {"seconds", 1, 0, 'd'}, {"warmup", 1, 0, 'W'},     {"ramp-limit", 1, 0, 't'},
      {"path", 1, 0, 'p'},    {"pids", 1, 0, 'b'},    {"core", 1, 0, 'A'},       {"sources", 1, 0, 'S'},
      {"tls", 0, 0, 'T'},     {"deflate", 0, 0, 'D'}, {"features", 0, 0, 'F'},   {0, 0, 0, 0}};
  int option;
  while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) switch (option) {
    case 'm': options.mode_name = optarg; break;
    case 'P': options.port_count = numbers(optarg, options.ports, MAX_PORTS); break;
    case 'c': options.clients = atoi(optarg); break;
    case 'a': options.active = atoi(optarg); break;
    case 'w': options.in_flight = atoi(optarg); break;
    case 'k': options.outstanding = atoi(optarg); break;
    case 'r': options.rate = atof(optarg); break;
    case 'e': options.event = optarg; break;
    case 's': options.size = (size_t)atol(optarg); break;
    case 'd': options.seconds = atof(optarg); break;
    case 'W': options.warmup = atof(optarg); break;
    case 't': options.ramp_limit = atof(optarg); break;
    case 'p': options.path = optarg; break;
    case 'b': options.pid_count = numbers(optarg, options.pids, MAX_PIDS); break;
    case 'A': options.core = atoi(optarg); break;
    case 'S': options.sources = atoi(optarg); break;
    case 'T': options.tls = true; break;
    case 'D': options.deflate = true; break;
    case 'F': features(); break;
    default: usage("there is no such option");
    }
}

static void check_options(void) {
  static const char *modes[] = {"echo", "broadcast", "storm", "idle", "poll"};
  int mode = 0;
  while (mode < 5 && strcmp(options.mode_name, modes[mode])) mode++;
  if (mode == 5) usage("name a mode");
  options.mode = (Mode)mode;
  if (!options.active) options.active = options.clients;
  if (!options.event) options.event = options.mode == BROADCAST ? "bcast" : "echo";
  if (options.mode == STORM && options.sources == 1) options.sources = STORM_SOURCES;
  bool good = options.port_count && options.clients >= 1 && options.clients <= 60000 && options.active >= 1 &&
              options.active <= options.clients && options.in_flight >= 1 && options.in_flight <= RING / 2 &&
              options.outstanding >= 1 && options.outstanding <= 1000 && options.size >= 8 && options.size <= 1 << 24 &&
              options.seconds >= 0.05 && options.seconds <= 600 && options.warmup >= 0 && options.warmup <= 60 &&
              options.ramp_limit > 0 && options.ramp_limit <= 300 && options.sources >= 1 && options.sources <= 200 &&
              options.rate >= 0 && strlen(options.path) < 100 && strlen(options.event) < 100;
  for (int i = 0; i < options.port_count; i++) good = good && options.ports[i] > 0 && options.ports[i] < 65536;
  if (!good) usage("a number is out of its range");
  if (options.mode == POLL && (options.tls || options.deflate)) usage("polling has neither --tls nor --deflate here");
  if ((options.tls && !has_tls) || (options.deflate && !has_deflate)) usage("built without that");
}

// Nothing here runs for ever, whatever the server does.
static void watchdog(int signal_number) {
  (void)signal_number;
  static const char line[] = "{\"error\":\"it took too long\"}\n";
  if (write(STDOUT_FILENO, line, sizeof line - 1) < 0) {}
  _exit(3);
}

static void prepare(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGALRM, watchdog);
  alarm((unsigned)(options.ramp_limit + options.warmup + options.seconds) + GRACE);
  if (options.core >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options.core, &set);
    sched_setaffinity(0, sizeof set, &set);
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (options.tls) tls_prepare();
  socketio_prepare();
  connections_make();
  run.now = now_ns();
}

// Open all connections, a few at a time, and wait until the last has joined.
static double ramp(void) {
  uint64_t begin = run.now;
  int next = 0;
  while (run.ready < options.clients) {
    for (; next < options.clients && run.opening < AT_ONCE; next++) {
      run.opening++;
      connection_open(&connections[next]);
    }
    turn(20);
    if ((double)(run.now - begin) > options.ramp_limit * 1e9) fail("the connections did not all get ready");
  }
  return (double)(run.now - begin) / 1e9;
}

static void start_load(void) {
  run.started = true;
  run.now = now_ns();
  int first = options.mode == POLL ? options.clients : 0;
  for (int i = 0; options.mode == POLL && i < options.clients; i++) {
    connections[first + i].due = options.in_flight;
    polling_send(&connections[first + i]);
  }
  for (int i = 0; options.mode == ECHO && options.rate == 0 && i < options.active; i++) {
    for (int j = 0; j < options.in_flight; j++) socketio_echo(&connections[i], run.now);
    connection_flush(&connections[i]);
  }
  for (int i = 0; options.mode == STORM && i < options.clients; i++) connection_open(&connections[i]);
}

// Send what the fixed rate asks for by now; latency counts from when it was due, so that a late server cannot hide it.
static void send_at_rate(double *due) {
  static int next;
  for (; *due <= (double)run.now; *due += 1e9 / options.rate) {
    Connection *c = &connections[next++ % options.active];
    if (c->in_flight < RING - 8) {
      socketio_echo(c, (uint64_t)*due);
      connection_flush(c);
    } else {
      run.stalled++;
    }
  }
}

static void check_storm(void) {
  for (int i = 0; i < options.clients; i++)
    if (run.now > connections[i].opened_at + STUCK) fail("a cycle of the storm got stuck");
}

// One turn under load. It polls and never sleeps: a server then never pays for waking the generator's core.
static void loaded_turn(double *due) {
  if (options.rate > 0) send_at_rate(due);
  if (options.mode == BROADCAST) socketio_publish();
  turn(options.mode == IDLE ? 50 : 0);
  if (options.mode == STORM) check_storm();
}

static void load_until(uint64_t end, double *due) {
  while ((run.now = now_ns()) < end) loaded_turn(due);
}

// What is still on its way when the window has closed, and must come.
static uint64_t outstanding(void) {
  uint64_t count = 0;
  int asking = options.mode == POLL ? 2 * options.clients : options.clients;
  for (int i = 0; i < asking; i++) {
    Connection *c = &connections[i];
    if (options.mode == BROADCAST) count += run.broadcasts - c->received;
    else count += (uint64_t)c->in_flight;
  }
  return count;
}

// Send no more, and see that nothing was lost.
static void drain(void) {
  if (options.mode == STORM || options.mode == IDLE) return;
  run.measuring = run.started = false;
  for (uint64_t end = run.now + PATIENCE; outstanding() && run.now < end;) turn(5);
  if (outstanding()) error("an answer was lost");
}

static void report(double ramp_seconds, double seconds, Usage empty, Usage begin, Usage end, double own) {
  double cpu = end.cpu_seconds - begin.cpu_seconds, operations = (double)run.operations;
  printf("{\"mode\":\"%s\",\"seconds\":%.3f,\"operations\":%llu,\"rate\":%.1f,\"cpu_seconds\":%.6f,\"cpu_us\":%.4f,\"busy\":%.3f,",
         options.mode_name, seconds, (unsigned long long)run.operations, operations / seconds, cpu,
         operations > 0 ? cpu / operations * 1e6 : 0, cpu / seconds);
  printf("\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,", latency_us(.5), latency_us(.9),
         latency_us(.99), latency_us(.999), latency_max_us());
  printf("\"ready\":%d,\"ramp_seconds\":%.3f,\"rss_before_kib\":%ld,\"rss_kib\":%ld,\"kib_per_connection\":%.3f,", run.ready,
         ramp_seconds, empty.rss_kib, begin.rss_kib, (double)(begin.rss_kib - empty.rss_kib) / options.clients);
  printf("\"generator_busy\":%.3f,\"compressed\":%llu,\"stalled\":%llu,\"errors\":%llu,\"first_error\":\"%s\"}\n", own / seconds,
         (unsigned long long)run.compressed, (unsigned long long)run.stalled, (unsigned long long)run.errors, run.first_error);
}

int main(int argc, char **argv) {
  parse_options(argc, argv);
  check_options();
  prepare();
  Usage empty = server_usage();
  double ramp_seconds = options.mode == STORM ? 0 : ramp();
  start_load();
  double due = (double)run.now;
  load_until(run.now + (uint64_t)(options.warmup * 1e9), &due);
  Usage begin = server_usage();
  double own = own_cpu_seconds();
  run.measuring = true;
  uint64_t from = now_ns();
  load_until(from + (uint64_t)(options.seconds * 1e9), &due);
  double seconds = (double)(now_ns() - from) / 1e9;
  Usage end = server_usage();
  own = own_cpu_seconds() - own;
  drain();
  report(ramp_seconds, seconds, empty, begin, end, own);
  return 0;
}
