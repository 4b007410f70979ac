{
  "target_defaults": {
    "cflags": ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-fvisibility=hidden"],
    "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
    # Node unloads an addon with the last worker thread that uses it; our own threads and libfabric's outlive that.
    "ldflags": ["-Wl,-z,nodelete"],
  },
  "targets": [
    {
      "target_name": "rfaas_host",
      "sources": ["host.c", "memory.c", "socket.c", "channel.c", "watch.c", "tcp_socket.c", "tcp_connection.c", "tcp_data.c", "tcp_sleep.c"],
    },
    {
      "target_name": "rfaas_verbs",
      "conditions": [
        [
          "\"<!(test -e /usr/include/rdma/fabric.h || pkg-config --exists libfabric && echo yes || echo no)\"==\"yes\"",
          {
            "sources": ["verbs.c", "memory.c", "ofi_provider.c", "ofi_listen.c", "ofi_connection.c", "ofi_data.c", "ofi_sleep.c", "ofi_peer.c"],
            "libraries": ["-lfabric"],
          },
          {"type": "none"},
        ]
      ],
    },
  ],
}
