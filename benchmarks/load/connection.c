// Connections: opening, reading, writing and losing them, on one epoll.
#define _GNU_SOURCE
#include "sioload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 1024, READ_SIZE = 65536, SMALL_READ_SIZE = 1024, READS_PER_TURN = 4 };

Connection *connections;
static int epoll = -1;

void reserve(Buffer *buffer, size_t length) {
  if (buffer->start == buffer->end) buffer->start = buffer->end = 0;
  if (buffer->end + length <= buffer->capacity) return;
  if (buffer->start) {
    memmove(buffer->data, buffer->data + buffer->start, buffer->end - buffer->start);
    buffer->end -= buffer->start;
    buffer->start = 0;
  }
  size_t capacity = buffer->capacity ? buffer->capacity : 256;
  while (capacity < buffer->end + length) capacity *= 2;
  if (capacity == buffer->capacity) return;
  buffer->data = realloc(buffer->data, capacity);
  if (!buffer->data) fail("out of memory");
  buffer->capacity = capacity;
}

void append(Buffer *buffer, const void *data, size_t length) {
  reserve(buffer, length);
  memcpy(buffer->data + buffer->end, data, length);
  buffer->end += length;
}

static void discard(Buffer *buffer) {
  free(buffer->data);
  memset(buffer, 0, sizeof *buffer);
}

void connections_make(void) {
  epoll = epoll_create1(EPOLL_CLOEXEC);
  int count = options.mode == POLL ? 2 * options.clients : options.clients;
  connections = calloc((size_t)count, sizeof *connections);
  if (epoll < 0 || !connections) fail("out of memory");
  for (int i = 0; i < count; i++) {
    Connection *c = &connections[i];
    c->fd = -1;
    c->index = i;
    if (options.mode == POLL) {
      c->role = i < options.clients ? POLL_GET : POLL_POST;
      c->peer = &connections[i < options.clients ? i + options.clients : i - options.clients];
    }
    bool asks = (options.mode == ECHO && i < options.active) || c->role == POLL_POST;
    if (asks) {
      c->sent_at = calloc(RING, sizeof *c->sent_at);
      c->waiting = calloc(RING, sizeof *c->waiting);
      if (!c->sent_at || !c->waiting) fail("out of memory");
    }
  }
}

void connection_open(Connection *c) {
  static unsigned turns;
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("cannot make a socket: the limit of open files may be too low");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.sources > 1) {
    // One source address has only some 28,000 ports; loopback has many addresses.
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7f000002u + turns++ % (unsigned)options.sources);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(c->fd, (void *)&source, sizeof source)) fail("cannot bind a source address");
  }
  // A polling client's two halves go to one server.
  int server = c->index % options.clients % options.port_count;
  struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.ports[server])};
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->state = CONNECTING;
  c->wants_to_write = true;
  c->opened_at = run.now;
  c->in_flight = 0;
  c->in.start = c->in.end = c->out.start = c->out.end = c->message.start = c->message.end = 0;
  if (connect(c->fd, (void *)&target, sizeof target) && errno != EINPROGRESS) fail("cannot connect");
  struct epoll_event interest = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &interest);
}

static void watch(Connection *c, bool writing) {
  if (writing == c->wants_to_write) return;
  c->wants_to_write = writing;
  struct epoll_event interest = {.events = EPOLLIN | (writing ? EPOLLOUT : 0u), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &interest);
}

void connection_flush(Connection *c) {
  if (c->fd < 0 || c->state == CONNECTING) return;
  Buffer *out = &c->out;
  while (out->start < out->end) {
    const char *from = out->data + out->start;
    size_t length = out->end - out->start;
    ssize_t n = c->tls ? tls_send(c, from, length) : send(c->fd, from, length, MSG_NOSIGNAL);
    if (n > 0) out->start += (size_t)n;
    else if (n < 0 && errno == EAGAIN) break;
    else if (n == 0 || errno != EINTR) {
      connection_lost(c, false);
      return;
    }
  }
  watch(c, out->start < out->end);
}

// A storm goes on with the next cycle; elsewhere nothing is expected to end.
void connection_lost(Connection *c, bool expected) {
  if (c->tls) tls_end(c);
  close(c->fd);
  c->fd = -1;
  c->state = DEAD;
  if (options.mode != STORM) fail("the server closed a connection");
  if (!expected) error("the server closed a connection");
  else if (run.measuring) {
    run.operations++;
    latency_add(run.now - c->opened_at);
  }
  connection_open(c);
}

static void connected(Connection *c) {
  int code = 0;
  socklen_t size = sizeof code;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &code, &size);
  if (code) fail("the connection was refused");
  if (options.tls) tls_start(c);
  if (c->role == WEBSOCKET) websocket_request(c);
  else polling_connected(c);
  c->state = c->state == CONNECTING ? UPGRADING : c->state;
  connection_flush(c);
}

// Read what is there. Return false when the connection is no longer the same.
static bool receive(Connection *c) {
  int fd = c->fd;
  for (int i = 0; i < READS_PER_TURN || c->tls; i++) {
    reserve(&c->in, options.mode == IDLE || options.mode == STORM ? SMALL_READ_SIZE : READ_SIZE);
    char *to = c->in.data + c->in.end;
    size_t room = c->in.capacity - c->in.end;
    ssize_t n = c->tls ? tls_receive(c, to, room) : recv(c->fd, to, room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) {
      connection_lost(c, false);
      return false;
    }
    c->in.end += (size_t)n;
    if (c->role == WEBSOCKET) websocket_read(c);
    else polling_read(c);
    if (c->fd != fd || c->state == CONNECTING) return false;
    // A record of TLS may be held decrypted, of which epoll knows nothing: read on until there is none.
    if (!c->tls && (size_t)n < room) return true;
  }
  return true;
}

static void handle(Connection *c, uint32_t events) {
  if (c->fd < 0) return;
  if (c->state == CONNECTING) {
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) connected(c);
    return;
  }
  if (events & EPOLLOUT) connection_flush(c);
  if (c->fd < 0 || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP)) || !receive(c)) return;
  connection_flush(c);
  // Ten thousand idle connections need no buffers.
  bool idle = options.mode == IDLE || (options.mode == ECHO && c->index >= options.active);
  if (idle && c->fd >= 0) {
    if (c->in.start == c->in.end) discard(&c->in);
    if (c->out.start == c->out.end) discard(&c->out);
  }
}

// Wait for what happens, at most so long, and handle it.
int turn(int milliseconds) {
  static struct epoll_event events[EVENTS];
  int count = epoll_wait(epoll, events, EVENTS, milliseconds);
  for (int i = 0; i < count; i++) {
    if (i % 16 == 0) run.now = now_ns();
    handle(events[i].data.ptr, events[i].events);
  }
  run.now = now_ns();
  return count;
}
