# The first process of a machine made of namespaces. Lays a file system in memory over the Debian root $1, in the folder $3,
# says which process it is, and ends with its standard input; everything in the machine ends with it.
set -eu
root=$1 mirror=$2 place=$3
# Of /proc as the host sees it.
read -r pid _ </proc/self/stat
mount -t tmpfs -o mode=755 tmpfs "$place"
cd "$place"
mkdir changes work machine
mount -t overlay -o "lowerdir=$root,upperdir=changes,workdir=work" overlay machine
cd machine
mkdir srv/debian
mount --bind -o ro "$mirror" srv/debian
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
  if [ -e $file ]; then mkdir -p ".${file%/*}"; cp $file .$file; fi
done
echo "$pid"
exec chroot . bash -c 'while read -r; do :; done'
