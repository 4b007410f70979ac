/* TCP over loopback without ever sleeping: non-blocking sockets, both sides spin on recv. */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void prepare(int socket_fd) {
  int on = 1;
  floor_check(setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "set TCP_NODELAY");
  floor_check(fcntl(socket_fd, F_SETFL, O_NONBLOCK), "set O_NONBLOCK");
}

static bool must_retry(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EINTR); }

static void send_all(int socket_fd, const char *from, size_t bytes) {
  while (bytes > 0) {
    ssize_t sent = send(socket_fd, from, bytes, MSG_NOSIGNAL);
    if (must_retry(sent)) floor_spin();
    else if (floor_check(sent, "send") >= 0) from += sent, bytes -= (size_t)sent;
  }
}

static void receive_all(int socket_fd, char *to, size_t bytes) {
  while (bytes > 0) {
    ssize_t received = recv(socket_fd, to, bytes, 0);
    if (received == 0) floor_fail("receive", "the peer closed");
    if (must_retry(received)) floor_spin();
    else if (floor_check(received, "receive") > 0) to += received, bytes -= (size_t)received;
  }
}

int main(int argc, char **argv) {
  struct floor_options options = floor_parse(argc, argv);
  size_t bytes = options.payload_bytes;
  char *payload = calloc(1, bytes + 1);
  if (payload == NULL || bytes == 0) floor_fail("allocate the payload", "needs at least 1 byte");

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = floor_check(socket(AF_INET, SOCK_STREAM, 0), "make a socket");
  floor_check(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
  floor_check(listen(listener, 1), "listen");
  floor_check(getsockname(listener, (struct sockaddr *)&address, &length), "read the port");

  if (floor_fork() == FLOOR_SERVER) {
    int peer = floor_check(accept(listener, NULL, NULL), "accept");
    prepare(peer);
    for (;;) {
      receive_all(peer, payload, bytes);
      send_all(peer, payload, bytes);
    }
  }

  int peer = floor_check(socket(AF_INET, SOCK_STREAM, 0), "make a socket");
  floor_check(connect(peer, (struct sockaddr *)&address, sizeof address), "connect");
  prepare(peer);
  uint64_t begin_ns = floor_now_ns();
  for (uint32_t trip = 0; trip < options.warmup + options.trips; trip++) {
    send_all(peer, payload, bytes);
    receive_all(peer, payload, bytes);
    begin_ns = floor_record(trip, begin_ns);
  }
  floor_finish();
}
