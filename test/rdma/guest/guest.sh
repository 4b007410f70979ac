# Runs in the guest once its files are mounted: creates the RDMA devices, runs the command, and stores its exit code.
exchange=/run/rdma-guest
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
hostname rdma-guest
ip link set lo up
ulimit -l unlimited
# libfabric looks through all symbols of the kernel whenever it is loaded; writing them takes an emulated processor a
# second. Without them it does what it does as an ordinary user, who is shown none.
mount --bind /dev/null /proc/kallsyms

# Two devices on the ends of one cable inside this kernel. Both addresses belong to this machine, so the kernel would
# deliver packets without using the cable, and Soft-RoCE drops packets delivered that way. Therefore packets to the
# other end are routed over the cable (table 77), and only packets that came out of it are local.
wire_one_guest() {
  ip link add rdma0 mtu 4500 type veth peer name rdma1 mtu 4500
  ip addr add 10.77.0.1/24 dev rdma0
  ip addr add 10.77.0.2/24 dev rdma1
  for name in all default rdma0 rdma1; do
    echo 0 >"/proc/sys/net/ipv4/conf/$name/rp_filter"
    echo 1 >"/proc/sys/net/ipv4/conf/$name/accept_local"
  done
  ip link set rdma0 up
  ip link set rdma1 up
  # Static neighbours: no ARP answer comes for an address that is this machine's own.
  ip neigh add 10.77.0.2 lladdr "$(cat /sys/class/net/rdma1/address)" dev rdma0
  ip neigh add 10.77.0.1 lladdr "$(cat /sys/class/net/rdma0/address)" dev rdma1
  ip route add 10.77.0.2 dev rdma0 src 10.77.0.1 table 77
  ip route add 10.77.0.1 dev rdma1 src 10.77.0.2 table 77
  ip rule add pref 10 iif rdma0 lookup local
  ip rule add pref 11 iif rdma1 lookup local
  ip rule add pref 12 lookup 77
  ip rule add pref 13 lookup local
  ip rule del pref 0
  rdma link add rxe0 type rxe netdev rdma0
  rdma link add rxe1 type rxe netdev rdma1
}

# One device on the network card that leads to the other guest.
wire_two_guests() {
  ip link set eth0 up
  ip addr add "$1/24" dev eth0
  rdma link add rxe0 type rxe netdev eth0
}

. "$exchange/settings"
if [ -n "$ADDRESS" ]; then wire_two_guests "$ADDRESS"; else wire_one_guest; fi
# The compiled sources are overlaid on the checkout; all else in it is unchanged.
mount -t overlay -o "lowerdir=$COMPILED:$CHECKOUT" none "$CHECKOUT"
cd "$CHECKOUT"
# Lets later processes reuse code that one has compiled.
export NODE_COMPILE_CACHE=/run/compile-cache
# The Node.js that runs on the host, wherever it is installed.
export PATH="$NODE:$PATH"
echo "$READY"
bash "$exchange/command"
echo $? >"$exchange/exit-code"
exec busybox reboot -f
