// WebSocket as a client: the handshake, and frames.
#define _GNU_SOURCE
#include "sioload.h"

#include <stdio.h>
#include <string.h>

enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80, COMPRESSED = 0x40 };
static const uint64_t LONGEST = 64u << 20;

// The key and its answer are those of RFC 6455's example.
static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==", accept_key[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

void websocket_request(Connection *c) {
  char request[512];
  int n = snprintf(request, sizeof request,
                   "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                   options.path, options.ports[c->index % options.port_count], key,
                   options.deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
  c->state = UPGRADING;
  append(&c->out, request, (size_t)n);
}

// Whether the whole answer is here; then it is taken.
static bool upgraded(Connection *c) {
  char *answer = c->in.data + c->in.start;
  size_t length = c->in.end - c->in.start;
  char *end = memmem(answer, length, "\r\n\r\n", 4);
  if (!end) return false;
  length = (size_t)(end + 4 - answer);
  if (length < 12 || memcmp(answer + 9, "101", 3)) fail("the server refused the WebSocket");
  if (!memmem(answer, length, accept_key, sizeof accept_key - 1)) fail("a wrong Sec-WebSocket-Accept");
  if (options.deflate) deflate_start(c, answer, length);
  c->in.start += length;
  c->state = OPENING;
  return true;
}

static void mask(unsigned char *to, const char *from, size_t length, uint32_t mask_key) {
  uint64_t twice = (uint64_t)mask_key << 32 | mask_key, word;
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    memcpy(&word, from + i, 8);
    word ^= twice;
    memcpy(to + i, &word, 8);
  }
  unsigned char bytes[4];
  memcpy(bytes, &mask_key, 4);
  for (; i < length; i++) to[i] = (unsigned char)from[i] ^ bytes[i & 3];
}

void websocket_send(Connection *c, int opcode, const char *data, size_t length) {
  static uint32_t random = 0x9e3779b9;
  int first = FIN | opcode;
  if (c->deflate && opcode == TEXT) {
    length = deflate_message(c, data, length, &data);
    first |= COMPRESSED;
  }
  reserve(&c->out, length + 14);
  unsigned char *start = (unsigned char *)c->out.data + c->out.end, *at = start;
  *at++ = (unsigned char)first;
  int width = length < 126 ? 0 : length < 65536 ? 2 : 8;
  *at++ = (unsigned char)(0x80 | (width == 0 ? (int)length : width == 2 ? 126 : 127));
  for (int i = width - 1; i >= 0; i--) *at++ = (unsigned char)((uint64_t)length >> (8 * i));
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  memcpy(at, &random, 4);
  mask(at + 4, data, length, random);
  c->out.end += (size_t)(at + 4 - start) + length;
}

static void whole_message(Connection *c, const char *data, size_t length) {
  if (c->compressed) {
    if (!c->deflate) fail("a compressed message without the extension");
    length = inflate_message(c, data, length, &data);
    if (run.measuring) run.compressed++;
  }
  socketio_packet(c, data, length);
}

static void frame(Connection *c, int first, const char *data, size_t length) {
  switch (first & 15) {
  case CLOSE:
    connection_lost(c, c->state == CLOSING);
    return;
  case PING:
    websocket_send(c, PONG, data, length);
    return;
  case PONG:
    return;
  case 0:
    append(&c->message, data, length);
    if (first & FIN) {
      whole_message(c, c->message.data, c->message.end);
      c->message.end = 0;
    }
    return;
  case TEXT:
    c->compressed = first & COMPRESSED;
    if (first & FIN) whole_message(c, data, length);
    else append(&c->message, data, length);
    return;
  default:
    error("a frame of another kind");
  }
}

void websocket_read(Connection *c) {
  if (c->state == UPGRADING && !upgraded(c)) return;
  int fd = c->fd;
  // A connection of a storm may be closed, and opened anew, while its frames are read.
  while (c->fd == fd && c->state != CONNECTING) {
    unsigned char *bytes = (unsigned char *)c->in.data + c->in.start;
    size_t held = c->in.end - c->in.start, head = 2;
    if (held < 2) return;
    if (bytes[1] & 0x80) fail("the server masks its frames");
    uint64_t length = bytes[1] & 127;
    int width = length < 126 ? 0 : length == 126 ? 2 : 8;
    if (held < head + (size_t)width) return;
    if (width) length = 0;
    for (int i = 0; i < width; i++) length = length << 8 | bytes[head++];
    if (length > LONGEST) fail("too long a frame");
    if (held < head + length) return;
    c->in.start += head + length;
    frame(c, bytes[0], (char *)bytes + head, length);
  }
}
