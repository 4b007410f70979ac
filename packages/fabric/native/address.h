// Socket addresses as text: "IP:port", or "[IP]:port" around an IPv6 address.
#pragma once
#include "napi.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

// Fills `out`, and ends it with a zero.
static inline void format_address(const struct sockaddr* name, span out) {
  char ip[INET6_ADDRSTRLEN];
  if (name->sa_family == AF_INET6) {
    const struct sockaddr_in6* six = (const struct sockaddr_in6*)name;
    inet_ntop(AF_INET6, &six->sin6_addr, ip, sizeof ip);
    snprintf(out.data, out.bytes, "[%s]:%u", ip, ntohs(six->sin6_port));
  } else {
    const struct sockaddr_in* four = (const struct sockaddr_in*)name;
    inet_ntop(AF_INET, &four->sin_addr, ip, sizeof ip);
    snprintf(out.data, out.bytes, "%s:%u", ip, ntohs(four->sin_port));
  }
}
