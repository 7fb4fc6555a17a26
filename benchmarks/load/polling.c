// Long polling as a client: HTTP/1.1 requests on two kept connections, and their answers.
#define _GNU_SOURCE
#include "sioload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SEPARATOR = 0x1e };

static void request(Connection *c, const char *sid, const char *body, size_t length) {
  char head[512], content[96] = "";
  if (body) snprintf(content, sizeof content, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n", length);
  int n = snprintf(head, sizeof head, "%s %s?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n%s\r\n",
                   body ? "POST" : "GET", options.path, sid[0] ? "&sid=" : "", sid, options.ports[c->index % options.clients % options.port_count],
                   content);
  append(&c->out, head, (size_t)n);
  if (body) append(&c->out, body, length);
  c->requested = true;
}

// The GET connection shakes hands; the POST connection is opened once the session id is known, to join the namespace.
void polling_connected(Connection *c) {
  if (c->role == POLL_GET) {
    c->state = OPENING;
    request(c, "", NULL, 0);
  } else {
    c->state = JOINING;
    request(c, c->peer->sid, "40", 2);
  }
}

// POST what is due, unless a POST is under way.
void polling_send(Connection *post) {
  if (post->requested || post->state != READY || (!post->due && !post->owes_pong)) return;
  Buffer *body = &post->message;
  body->start = body->end = 0;
  if (post->owes_pong) append(body, "3", 1);
  post->owes_pong = false;
  for (; post->due > 0; post->due--) {
    static const char separator = SEPARATOR;
    if (body->end) append(body, &separator, 1);
    const char *event;
    size_t length = socketio_event(post, run.now, &event);
    append(body, event, length);
  }
  request(post, post->peer->sid, body->data, body->end);
  connection_flush(post);
}

static const char *header(const char *head, size_t length, const char *name) {
  const char *end = head + length;
  for (const char *line = head; line && line + strlen(name) < end;) {
    if (!strncasecmp(line, name, strlen(name))) return line + strlen(name);
    line = memchr(line, '\n', (size_t)(end - line));
    if (line) line++;
  }
  return NULL;
}

// Join the chunks of a body. Return the length of it with its framing, or 0 when it is not whole yet.
static size_t chunked(const char *from, size_t held, Buffer *body) {
  body->start = body->end = 0;
  for (size_t at = 0;;) {
    const char *line = memchr(from + at, '\n', held - at);
    if (!line) return 0;
    size_t length = strtoul(from + at, NULL, 16), data = (size_t)(line + 1 - from);
    if (held < data + length + 2) return 0;
    if (!length) return data + 2;
    append(body, from + data, length);
    at = data + length + 2;
  }
}

// Give the body of the answer that is held. Return the length of the whole answer, or 0 when it is not whole yet.
static size_t answer(Connection *c, const char **body, size_t *length) {
  static Buffer joined;
  const char *head = c->in.data + c->in.start;
  size_t held = c->in.end - c->in.start;
  const char *end = memmem(head, held, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head_length = (size_t)(end + 4 - head);
  if (head_length < 12 || memcmp(head + 9, "200", 3)) fail("an HTTP status other than 200");
  const char *value = header(head, head_length, "content-length:");
  if (value) {
    *length = strtoul(value, NULL, 10);
    *body = head + head_length;
    return held < head_length + *length ? 0 : head_length + *length;
  }
  if (!header(head, head_length, "transfer-encoding:")) fail("an HTTP answer without a length");
  size_t framed = chunked(head + head_length, held - head_length, &joined);
  *body = joined.data;
  *length = joined.end;
  return framed ? head_length + framed : 0;
}

static void opened(Connection *get, const char *body, size_t length) {
  const char *sid = memmem(body, length, "\"sid\":\"", 7), *end = body + length;
  if (!sid) fail("an open packet without a session id");
  size_t n = 0;
  for (sid += 7; sid < end && *sid != '"' && n < sizeof get->sid - 1;) get->sid[n++] = *sid++;
  get->sid[n] = 0;
  get->state = JOINING;
  connection_open(get->peer);
}

static void packet(Connection *get, const char *data, size_t length) {
  Connection *post = get->peer;
  if (length == 1 && data[0] == '2') {
    post->owes_pong = true;
  } else if (length > 1 && data[0] == '4' && data[1] == '0' && get->state == JOINING) {
    get->state = READY;
    run.ready++;
    run.opening--;
  } else if (length > 1 && data[0] == '4' && data[1] == '3') {
    if (socketio_ack(post, data + 2, length - 2) && run.started) post->due++;
  } else if (length && data[0] != '6') {
    error("a polled packet that was not asked for");
  }
}

static void polled(Connection *get, const char *body, size_t length) {
  for (const char *at = body, *end = body + length; at < end;) {
    const char *separator = memchr(at, SEPARATOR, (size_t)(end - at));
    if (!separator) separator = end;
    packet(get, at, (size_t)(separator - at));
    at = separator + 1;
  }
}

static void posted(Connection *post, const char *body, size_t length) {
  if (length != 2 || strncasecmp(body, "ok", 2)) error("a POST that was not answered with ok");
  if (post->state == JOINING) post->state = READY;
  polling_send(post);
}

void polling_read(Connection *c) {
  const char *body;
  size_t length, whole;
  while (c->fd >= 0 && (whole = answer(c, &body, &length))) {
    c->requested = false;
    if (c->role == POLL_POST) {
      posted(c, body, length);
      c->in.start += whole;
      continue;
    }
    if (c->state == OPENING) opened(c, body, length);
    else polled(c, body, length);
    c->in.start += whole;
    request(c, c->sid, NULL, 0);
    polling_send(c->peer);
  }
}
