// TLS as a client, with OpenSSL where it was there to build with.
#include "sioload.h"

#ifdef HAVE_OPENSSL
#include <errno.h>
#include <openssl/ssl.h>

const bool has_tls = true;
static SSL_CTX *context;

void tls_prepare(void) {
  context = SSL_CTX_new(TLS_client_method());
  if (!context) fail("OpenSSL cannot start");
  // The server is one of our own on loopback, with a certificate made for the run.
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void tls_start(Connection *c) {
  SSL *tls = SSL_new(context);
  if (!tls || !SSL_set_fd(tls, c->fd)) fail("OpenSSL cannot start");
  SSL_set_connect_state(tls);
  c->tls = tls;
}

void tls_end(Connection *c) {
  SSL_free(c->tls);
  c->tls = NULL;
}

// Translate to what send() and recv() say: errno EAGAIN for "later", 0 for the end.
static ssize_t outcome(Connection *c, int n) {
  if (n > 0) return n;
  int why = SSL_get_error(c->tls, n);
  if (why == SSL_ERROR_ZERO_RETURN) return 0;
  errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
  return -1;
}

ssize_t tls_send(Connection *c, const void *data, size_t length) { return outcome(c, SSL_write(c->tls, data, (int)length)); }

ssize_t tls_receive(Connection *c, void *data, size_t length) { return outcome(c, SSL_read(c->tls, data, (int)length)); }

#else
const bool has_tls = false;
void tls_prepare(void) {}
void tls_start(Connection *c) { (void)c; }
void tls_end(Connection *c) { (void)c; }
ssize_t tls_send(Connection *c, const void *data, size_t length) { return (void)c, (void)data, (void)length, -1; }
ssize_t tls_receive(Connection *c, void *data, size_t length) { return (void)c, (void)data, (void)length, -1; }
#endif
