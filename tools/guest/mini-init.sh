#!/bin/busybox sh
# First process of the guest `mini`: mounts, links the applets, says that it is ready, and becomes busybox init,
# which keeps a shell on ttyS0 and one on tty1 (sessions of their own, so job control works) and really powers off.
# Kernel parameter skep.run=COMMAND (or skep.run="several words") runs a command before the shell.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=xterm
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
hostname mini

# From here on only errors reach the console, so that no late message splits a line of ours; dmesg has them all.
dmesg -n 4
cpus=$(nproc)
[ "$cpus" = 1 ] && unit=CPU || unit=CPUs
# The console is the last of the command line's; the other one gets the line, too.
echo "skep mini ready, $cpus $unit"
grep -q tty0 /sys/class/tty/console/active && echo "skep mini ready, $cpus $unit" >/dev/tty1

cmdline=$(cat /proc/cmdline)
run=
case "$cmdline" in
  *skep.run=\"*) run=${cmdline#*skep.run=\"}; run=${run%%\"*} ;;
  *\"skep.run=*) run=${cmdline#*\"skep.run=}; run=${run%%\"*} ;;
  *skep.run=*) run=${cmdline#*skep.run=}; run=${run%% *} ;;
esac
if [ -n "$run" ]; then
  sh -c "$run"
  echo "skep run exit $?"
fi
exec /sbin/init
