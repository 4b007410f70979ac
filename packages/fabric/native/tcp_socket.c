// TCP sockets before they carry a connection. All are non-blocking.
#include "address.h"
#include "tcp.h"
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

// Numeric addresses only: looking up a name would block the event loop. Returns 0 or -errno.
static int parse(const char* host, const char* port, struct sockaddr_storage* name, socklen_t* bytes) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
  struct addrinfo* found;
  if (getaddrinfo(host, port, &hints, &found) != 0) return -EADDRNOTAVAIL;
  memcpy(name, found->ai_addr, found->ai_addrlen);
  *bytes = found->ai_addrlen;
  freeaddrinfo(found);
  return 0;
}

static int new_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

static napi_value failed(napi_env env, int fd) {
  int error = errno;
  close(fd);
  return number(env, -error);
}

// (host, address: Uint8Array, filled with "IP:port" or "[IP]:port" and a zero) → descriptor or -errno. The kernel chooses
// the port.
napi_value tcpListen(napi_env env, napi_callback_info info) {
  ARGS(2);
  char host[128];
  string_of(env, arg[0], host, sizeof host);
  struct sockaddr_storage name;
  socklen_t bytes;
  int error = parse(host, "0", &name, &bytes);
  if (error) return number(env, error);
  int fd = new_socket(name.ss_family);
  if (fd < 0) return number(env, -errno);
  if (bind(fd, (struct sockaddr*)&name, bytes) < 0 || listen(fd, SOMAXCONN) < 0) return failed(env, fd);
  bytes = sizeof name;
  if (getsockname(fd, (struct sockaddr*)&name, &bytes) < 0) return failed(env, fd);
  format_address((struct sockaddr*)&name, span_of(env, arg[1]));
  return number(env, fd);
}

// (host, port) → descriptor or -errno. It becomes writable when it is connected, or when it never will be, which
// socketError tells.
napi_value tcpConnect(napi_env env, napi_callback_info info) {
  ARGS(2);
  char host[128], port[16];
  string_of(env, arg[0], host, sizeof host);
  string_of(env, arg[1], port, sizeof port);
  struct sockaddr_storage name;
  socklen_t bytes;
  int error = parse(host, port, &name, &bytes);
  if (error) return number(env, error);
  int fd = new_socket(name.ss_family);
  if (fd < 0) return number(env, -errno);
  if (connect(fd, (struct sockaddr*)&name, bytes) < 0 && errno != EINPROGRESS) return failed(env, fd);
  return number(env, fd);
}

// (descriptor) → 0, or -errno of what went wrong with the socket.
napi_value socketError(napi_env env, napi_callback_info info) {
  ARGS(1);
  int error = 0;
  socklen_t bytes = sizeof error;
  if (getsockopt((int)int_of(env, arg[0]), SOL_SOCKET, SO_ERROR, &error, &bytes) < 0) error = errno;
  return number(env, -error);
}
