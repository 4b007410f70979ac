// Unix sockets in the abstract namespace: no file, so a kill leaves nothing behind. They carry a greeting and
// descriptors once; afterwards they carry the peer's rings, and an open socket means that the peer lives. All are
// non-blocking.
#include "host.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 4 };

static socklen_t address_of(napi_env env, napi_value name, struct sockaddr_un* address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  string_of(env, name, address->sun_path + 1, sizeof address->sun_path - 1);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address->sun_path + 1));
}

static int new_socket(void) { return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

static napi_value failed(napi_env env, int fd) {
  int error = errno;
  close(fd);
  return number(env, -error);
}

// (name) → descriptor or -errno.
napi_value socketListen(napi_env env, napi_callback_info info) {
  ARGS(1);
  struct sockaddr_un address;
  socklen_t length = address_of(env, arg[0], &address);
  int fd = new_socket();
  if (fd < 0) return number(env, -errno);
  if (bind(fd, (struct sockaddr*)&address, length) < 0 || listen(fd, SOMAXCONN) < 0) return failed(env, fd);
  return number(env, fd);
}

// (listening descriptor) → descriptor or -errno.
napi_value socketAccept(napi_env env, napi_callback_info info) {
  ARGS(1);
  int fd = accept4((int)int_of(env, arg[0]), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return number(env, fd < 0 ? -errno : fd);
}

// (name) → descriptor or -errno.
napi_value socketConnect(napi_env env, napi_callback_info info) {
  ARGS(1);
  struct sockaddr_un address;
  socklen_t length = address_of(env, arg[0], &address);
  int fd = new_socket();
  if (fd < 0) return number(env, -errno);
  if (connect(fd, (struct sockaddr*)&address, length) < 0) return failed(env, fd);
  return number(env, fd);
}

// (descriptor, bytes, descriptors: Int32Array) → bytes sent or -errno. One message, whole.
napi_value socketSend(napi_env env, napi_callback_info info) {
  ARGS(3);
  span bytes = span_of(env, arg[1]), fds = span_of(env, arg[2]);
  struct iovec vector = {bytes.data, bytes.bytes};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
  } control = {0};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (fds.bytes > 0 && fds.bytes <= DESCRIPTORS_MAX * sizeof(int)) {
    message.msg_control = control.space;
    message.msg_controllen = CMSG_SPACE(fds.bytes);
    control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(fds.bytes)};
    memcpy(CMSG_DATA(&control.header), fds.data, fds.bytes);
  }
  ssize_t sent = sendmsg((int)int_of(env, arg[0]), &message, MSG_NOSIGNAL);
  return number(env, sent < 0 ? -errno : sent);
}

// (descriptor, bytes, descriptors: Int32Array, filled; -1 where none came; or null) → bytes received, 0 at the end, or
// -errno. -EPROTO when more descriptors came than asked for, -EMFILE when we have no room for them: then none stays
// open.
napi_value socketReceive(napi_env env, napi_callback_info info) {
  ARGS(3);
  span bytes = span_of(env, arg[1]), fds = span_of(env, arg[2]);
  size_t room = fds.bytes / sizeof(int), count = 0;
  int all[DESCRIPTORS_MAX];
  struct iovec vector = {bytes.data, bytes.bytes};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof all)];
  } control;
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  ssize_t received = recvmsg((int)int_of(env, arg[0]), &message, MSG_CMSG_CLOEXEC);
  if (received < 0) return number(env, -errno);
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t these = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(all + count, CMSG_DATA(c), these * sizeof(int));
    count += these;
  }
  bool is_cut = message.msg_flags & MSG_CTRUNC;
  if (count > room || is_cut) {
    for (size_t i = 0; i < count; i++) close(all[i]);
    return number(env, is_cut && count <= room ? -EMFILE : -EPROTO);
  }
  for (size_t i = 0; i < room; i++) ((int*)fds.data)[i] = i < count ? all[i] : -1;
  return number(env, received);
}

// (descriptor)
napi_value descriptorClose(napi_env env, napi_callback_info info) {
  ARGS(1);
  return number(env, close((int)int_of(env, arg[0])) < 0 ? -errno : 0);
}
