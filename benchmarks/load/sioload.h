// sioload: load for Socket.IO servers, over loopback only. What its parts share.
#ifndef SIOLOAD_H
#define SIOLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  RING = 1024,        // events that one client may have waiting for their acknowledgement
  BROADCASTS = 65536, // broadcasts whose time of sending is remembered
  MAX_PORTS = 8,
  MAX_PIDS = 64,
};

typedef enum { ECHO, BROADCAST, STORM, IDLE, POLL } Mode;
// A polling client is two connections: one holds GETs, the other POSTs.
typedef enum { WEBSOCKET, POLL_GET, POLL_POST } Role;
// CONNECTING: TCP; UPGRADING: the 101 is awaited; OPENING: Engine.IO's open packet is; JOINING: the namespace's CONNECT is.
typedef enum { DEAD, CONNECTING, UPGRADING, OPENING, JOINING, READY, CLOSING } State;

typedef struct {
  char *data;
  size_t start, end, capacity; // what is held is data[start, end)
} Buffer;

typedef struct Connection {
  int fd, index, in_flight;
  Role role;
  State state;
  bool wants_to_write;
  Buffer in, out, message; // message: fragments, or the body of a POST
  uint32_t next_id;
  uint64_t *sent_at;   // by acknowledgement id, modulo RING
  uint32_t *waiting;   // the id + 1 that waits there, or 0
  uint64_t received;   // broadcasts
  uint64_t opened_at;
  struct Connection *peer; // the other half of a polling client
  char sid[72];
  bool requested; // an HTTP request waits for its answer
  bool owes_pong;
  int due;        // events that may be sent now
  void *tls, *deflate;
  bool compressed; // the message that is being received is
} Connection;

typedef struct {
  Mode mode;
  const char *mode_name, *event, *path;
  int ports[MAX_PORTS], port_count;
  int clients, active, in_flight, outstanding, sources, core;
  size_t size;
  double seconds, warmup, rate, ramp_limit;
  bool tls, deflate;
  pid_t pids[MAX_PIDS];
  int pid_count;
} Options;

typedef struct {
  uint64_t now;            // nanoseconds, read once per turn
  bool started, measuring; // load is sent; it is inside the measured window
  int opening, ready;
  uint64_t operations, errors, stalled, compressed, broadcasts, deliveries;
  char first_error[160];
} Run;

extern Options options;
extern Run run;
extern Connection *connections;

// measure.c
typedef struct {
  double cpu_seconds;
  long rss_kib;
} Usage;
uint64_t now_ns(void);
void latency_add(uint64_t nanoseconds);
double latency_us(double quantile);
double latency_max_us(void);
Usage server_usage(void);
double own_cpu_seconds(void);
__attribute__((noreturn)) void fail(const char *why);
void error(const char *what);

// connection.c
void reserve(Buffer *buffer, size_t length);
void append(Buffer *buffer, const void *data, size_t length);
void connections_make(void);
void connection_open(Connection *c);
void connection_flush(Connection *c);
void connection_lost(Connection *c, bool expected);
int turn(int milliseconds);

// websocket.c
void websocket_request(Connection *c);
void websocket_read(Connection *c);
void websocket_send(Connection *c, int opcode, const char *data, size_t length);

// polling.c
void polling_connected(Connection *c);
void polling_read(Connection *c);
void polling_send(Connection *post);

// socketio.c
void socketio_prepare(void);
size_t socketio_event(Connection *c, uint64_t when, const char **text);
void socketio_packet(Connection *c, const char *packet, size_t length);
bool socketio_ack(Connection *c, const char *text, size_t length);
void socketio_echo(Connection *c, uint64_t when);
void socketio_publish(void);

// tls.c and deflate.c, where their libraries are
extern const bool has_tls, has_deflate;
void tls_prepare(void);
void tls_start(Connection *c);
void tls_end(Connection *c);
ssize_t tls_send(Connection *c, const void *data, size_t length); // both like send() and recv() on a non-blocking socket
ssize_t tls_receive(Connection *c, void *data, size_t length);
void deflate_start(Connection *c, const char *answer, size_t length);
size_t deflate_message(Connection *c, const char *data, size_t length, const char **result);
size_t inflate_message(Connection *c, const char *data, size_t length, const char **result);

#endif
