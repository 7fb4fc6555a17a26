// permessage-deflate (RFC 7692) as a client, with zlib where it was there to build with.
#define _GNU_SOURCE
#include "sioload.h"

#ifdef HAVE_ZLIB
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

const bool has_deflate = true;

enum { TAIL = 4, LEVEL = 1 };
static const char tail[] = "\0\0\xff\xff"; // what the extension takes off the end of each message

typedef struct {
  z_stream out, in;
  bool forget_out, forget_in; // each message stands for itself
} Deflate;

static Buffer deflated, inflated;

void deflate_start(Connection *c, const char *answer, size_t length) {
  static const char name[] = "permessage-deflate", client[] = "client_no_context_takeover", server[] = "server_no_context_takeover";
  if (!memmem(answer, length, name, sizeof name - 1)) fail("the server does not compress");
  Deflate *deflate = calloc(1, sizeof *deflate);
  if (!deflate || deflateInit2(&deflate->out, LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
      inflateInit2(&deflate->in, -MAX_WBITS) != Z_OK)
    fail("zlib cannot start");
  deflate->forget_out = memmem(answer, length, client, sizeof client - 1);
  deflate->forget_in = memmem(answer, length, server, sizeof server - 1);
  c->deflate = deflate;
}

size_t deflate_message(Connection *c, const char *data, size_t length, const char **result) {
  Deflate *state = c->deflate;
  deflated.start = deflated.end = 0;
  reserve(&deflated, deflateBound(&state->out, length) + 64);
  state->out.next_in = (unsigned char *)data;
  state->out.avail_in = (uInt)length;
  state->out.next_out = (unsigned char *)deflated.data;
  state->out.avail_out = (uInt)deflated.capacity;
  if (deflate(&state->out, Z_SYNC_FLUSH) != Z_OK || state->out.avail_in) fail("zlib cannot compress");
  *result = deflated.data;
  size_t written = deflated.capacity - state->out.avail_out;
  if (state->forget_out) deflateReset(&state->out);
  return written - TAIL;
}

static void feed(z_stream *stream, const char *data, size_t length) {
  stream->next_in = (unsigned char *)data;
  stream->avail_in = (uInt)length;
  while (stream->avail_in) {
    reserve(&inflated, 65536);
    size_t room = inflated.capacity - inflated.end;
    stream->next_out = (unsigned char *)inflated.data + inflated.end;
    stream->avail_out = (uInt)room;
    int code = inflate(stream, Z_SYNC_FLUSH);
    inflated.end += room - stream->avail_out;
    if (code == Z_BUF_ERROR) return;
    if (code != Z_OK) fail("a compressed message is broken");
  }
}

size_t inflate_message(Connection *c, const char *data, size_t length, const char **result) {
  Deflate *state = c->deflate;
  inflated.start = inflated.end = 0;
  feed(&state->in, data, length);
  feed(&state->in, tail, TAIL);
  if (state->forget_in) inflateReset(&state->in);
  *result = inflated.data;
  return inflated.end;
}

#else
const bool has_deflate = false;
void deflate_start(Connection *c, const char *answer, size_t length) { (void)c, (void)answer, (void)length; }
size_t deflate_message(Connection *c, const char *data, size_t length, const char **result) {
  return (void)c, *result = data, length;
}
size_t inflate_message(Connection *c, const char *data, size_t length, const char **result) {
  return (void)c, *result = data, length;
}
#endif
