// What the clients say in Socket.IO, and that every answer is the right one.
#include "sioload.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER = 8 }; // hexadecimal digits at the beginning of each payload, which make it differ from all others

static char *payload, *text;
static uint64_t *broadcast_at;

void socketio_prepare(void) {
  payload = malloc(options.size);
  text = malloc(options.size + 256);
  broadcast_at = calloc(BROADCASTS, sizeof *broadcast_at);
  if (!payload || !text || !broadcast_at) fail("out of memory");
  for (size_t i = 0; i < options.size; i++) payload[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[i % 36];
}

static const char *number_payload(uint32_t number) {
  for (int i = NUMBER - 1; i >= 0; i--, number >>= 4) payload[i] = "0123456789abcdef"[number & 15];
  return payload;
}

// Whether `["<payload>"]` with this number, and nothing else, stands there.
static bool is_payload(const char *from, size_t length, uint32_t number) {
  return length == options.size + 4 && !memcmp(from, "[\"", 2) && !memcmp(from + 2, number_payload(number), options.size) &&
         !memcmp(from + 2 + options.size, "\"]", 2);
}

// End an event after so many bytes; give its length.
static size_t end_event(size_t prefix, uint32_t number) {
  memcpy(text + prefix, number_payload(number), options.size);
  memcpy(text + prefix + options.size, "\"]", 2);
  return prefix + options.size + 2;
}

// Write an event that asks for an acknowledgement, which is awaited from `when` on.
size_t socketio_event(Connection *c, uint64_t when, const char **result) {
  uint32_t id = c->next_id++;
  if (c->waiting[id % RING]) error("an acknowledgement has not come for 1,024 events");
  c->sent_at[id % RING] = when;
  c->waiting[id % RING] = id + 1;
  c->in_flight++;
  int prefix = sprintf(text, "42%u[\"%s\",\"", id, options.event);
  *result = text;
  return end_event((size_t)prefix, id);
}

void socketio_echo(Connection *c, uint64_t when) {
  const char *event;
  size_t length = socketio_event(c, when, &event);
  websocket_send(c, 1, event, length);
}

// Check an acknowledgement: what follows "43".
bool socketio_ack(Connection *c, const char *at, size_t length) {
  const char *end = at + length, *digits = at;
  uint32_t id = 0;
  while (at < end && isdigit((unsigned char)*at)) id = id * 10 + (uint32_t)(*at++ - '0');
  if (at == digits || c->waiting[id % RING] != id + 1) {
    error("an acknowledgement that nobody waits for");
    return false;
  }
  if (!is_payload(at, (size_t)(end - at), id)) {
    error("an acknowledgement with another payload");
    return false;
  }
  c->waiting[id % RING] = 0;
  c->in_flight--;
  if (run.measuring) {
    run.operations++;
    latency_add(run.now - c->sent_at[id % RING]);
  }
  return true;
}

// Keep so many broadcasts under way; the first client sends them, and all get them.
void socketio_publish(void) {
  Connection *c = &connections[0];
  if (c->fd < 0) return;
  bool any = false;
  while (run.broadcasts - run.deliveries / (uint64_t)options.clients < (uint64_t)options.outstanding) {
    broadcast_at[run.broadcasts % BROADCASTS] = run.now;
    int prefix = sprintf(text, "42[\"%s\",\"", options.event);
    websocket_send(c, 1, text, end_event((size_t)prefix, (uint32_t)run.broadcasts++));
    any = true;
  }
  if (any) connection_flush(c);
}

// Every client gets every broadcast once, whole and in order.
static void delivery(Connection *c, const char *packet, size_t length) {
  static const char start[] = "42[\"m\",";
  size_t skip = sizeof start - 1;
  if (length < skip || memcmp(packet, start, skip)) {
    error("an event that was not asked for");
    return;
  }
  if (length != skip + options.size + 3 || packet[skip] != '"' || memcmp(packet + skip + 1, number_payload((uint32_t)c->received), options.size) ||
      memcmp(packet + length - 2, "\"]", 2)) {
    error("a broadcast with another payload, or out of order");
    return;
  }
  if (run.measuring) {
    run.operations++;
    latency_add(run.now - broadcast_at[c->received % BROADCASTS]);
  }
  c->received++;
  run.deliveries++;
}

static void joined(Connection *c) {
  c->state = READY;
  if (options.mode == STORM) {
    c->state = CLOSING;
    websocket_send(c, 8, "\x03\xe8", 2);
    return;
  }
  run.ready++;
  run.opening--;
}

static void message(Connection *c, const char *packet, size_t length) {
  switch (length > 1 ? packet[1] : 0) {
  case '0':
    if (c->state == JOINING) joined(c);
    else error("a second CONNECT");
    return;
  case '2':
    if (options.mode == BROADCAST) delivery(c, packet, length);
    else error("an event that was not asked for");
    return;
  case '3':
    if (options.mode != ECHO) error("an acknowledgement that nobody waits for");
    else if (socketio_ack(c, packet + 2, length - 2) && options.rate == 0 && run.started) socketio_echo(c, run.now);
    return;
  case '4':
    fail("the server refused the namespace");
  default:
    error("a Socket.IO packet that was not asked for");
  }
}

// Take one Engine.IO packet of a WebSocket client.
void socketio_packet(Connection *c, const char *packet, size_t length) {
  switch (length ? packet[0] : 0) {
  case '0':
    if (c->state != OPENING) error("a second open packet");
    c->state = JOINING;
    websocket_send(c, 1, "40", 2);
    return;
  case '2':
    websocket_send(c, 1, "3", 1);
    return;
  case '4':
    message(c, packet, length);
    return;
  case '6':
    return;
  default:
    error("an Engine.IO packet that was not asked for");
  }
}
