#!/bin/busybox sh
# First process of the disk test (tools/guest/disk-test.ts): loads the drivers, works on /dev/sda and /dev/sr0,
# and prints one line per result: "disk-test NAME ok" or "disk-test NAME FAILED ...". Kernel parameters:
# skep.sums = the sum that the CD must have, skep.mib = size of the written file, skep.rounds.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s
dmesg -n 4
parameter() { sed -n "s/.*skep.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
result() { # NAME STATUS [TEXT]
  if [ "$2" = 0 ]; then echo "disk-test $1 ok $3"; else echo "disk-test $1 FAILED $3"; fi
}
expect() { # NAME WANTED FOUND
  if [ "$2" = "$3" ]; then result "$1" 0; else result "$1" 1 "wanted $2, found $3"; fi
}
now() { cut -d' ' -f1 /proc/uptime; }
rate() { # NAME MIB START END
  echo "disk-test rate $1 $(awk "BEGIN { printf \"%.1f\", $2 / ($4 - $3) }") MiB/s"
}

for module in /modules/*; do insmod "$module" || result "insmod $module" 1; done
for n in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/sda ] && [ -b /dev/sr0 ] && break; sleep 0.3; done
[ -b /dev/sda ]; result sda $?
mkdir -p /disk /cd /scratch
mount -t ext4 /dev/sda /disk; result mount $?
(cd /disk && md5sum -c -s sums); result "read ext4" $?

mib=$(parameter mib)
rounds=$(parameter rounds)
for round in $(seq "$rounds"); do
  # Every CPU writes its own file and reads it back from the disk.
  for cpu in $(seq "$(nproc)"); do
    (dd if=/dev/urandom of=/data$cpu bs=1M count="$mib" 2>/dev/null
     cp /data$cpu /disk/data$cpu && md5sum < /data$cpu > /disk/sum$cpu; rm /data$cpu) &
  done
  wait
  sync; result "sync $round" $?
  echo 3 > /proc/sys/vm/drop_caches
  for cpu in $(seq "$(nproc)"); do
    expect "written $round.$cpu" "$(cat /disk/sum$cpu)" "$(md5sum < /disk/data$cpu)" &
  done
  wait
done
umount /disk; result umount $?
mount -t ext4 /dev/sda /disk; result remount $?
for cpu in $(seq "$(nproc)"); do
  expect "remounted $cpu" "$(cat /disk/sum$cpu)" "$(md5sum < /disk/data$cpu)"
done
umount /disk

echo 3 > /proc/sys/vm/drop_caches
start=$(now); dd if=/dev/sda of=/dev/null bs=1M count=48 2>/dev/null; rate read 48 "$start" "$(now)"
[ -b /dev/sr0 ] && expect "read cd" "$(parameter sums)" "$(md5sum < /dev/sr0 | cut -d' ' -f1)"
mount -t ext4 -o ro,noload /dev/sr0 /cd; result "mount cd" $?
(cd /cd && md5sum -c -s sums); result "read files of cd" $?

# An interrupt that goes to the last CPU: its counter must move.
last=$(($(nproc) - 1))
column=$((last + 2))
echo $((1 << last)) | awk '{ printf "%x\n", $1 }' > /proc/irq/14/smp_affinity
before=$(awk "/ata_piix/ && /^ *14:/ { print \$$column }" /proc/interrupts)
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/sda of=/dev/null bs=64k count=64 2>/dev/null
after=$(awk "/ata_piix/ && /^ *14:/ { print \$$column }" /proc/interrupts)
[ "$after" -gt "$before" ]; result "irq 14 on CPU $last" $? "$before to $after"

grep -E 'ata_piix|CPU0' /proc/interrupts
dmesg | grep -E 'ata[0-9]|scsi|sd [0-9]|sr [0-9]|EXT4'
bad=$(dmesg | grep -ciE 'lost interrupt|failed command|exception Emask|I/O error|lockup|stall|error handler')
expect "quiet kernel" 0 "$bad"
[ "$bad" = 0 ] || dmesg | tail -60
echo "disk-test end"
poweroff -f
