#!/bin/busybox sh
# /disk/files in the guest of the disk suites: files with known sums on /dev/hda (ext4) and /dev/sr0, written,
# remounted, read again, IRQ 14 at the last CPU. Prints one line per result: "disk-test NAME ok" or
# "disk-test NAME FAILED ...". Arguments: the MD5 sum that the CD must have, MiB of each written file, rounds.
sum=$1
mib=$2
rounds=$3
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

mkdir -p /ext4 /cd /scratch
mount -t ext4 /dev/hda /ext4; result mount $?
(cd /ext4 && md5sum -c -s sums); result "read ext4" $?

for round in $(seq "$rounds"); do
  # Every CPU writes its own file and reads it back from the disk.
  for cpu in $(seq "$(nproc)"); do
    (dd if=/dev/urandom of=/data$cpu bs=1M count="$mib" 2>/dev/null
     cp /data$cpu /ext4/data$cpu && md5sum < /data$cpu > /ext4/sum$cpu; rm /data$cpu) &
  done
  wait
  sync; result "sync $round" $?
  echo 3 > /proc/sys/vm/drop_caches
  for cpu in $(seq "$(nproc)"); do
    expect "written $round.$cpu" "$(cat /ext4/sum$cpu)" "$(md5sum < /ext4/data$cpu)" &
  done
  wait
done
umount /ext4; result umount $?
mount -t ext4 /dev/hda /ext4; result remount $?
for cpu in $(seq "$(nproc)"); do
  expect "remounted $cpu" "$(cat /ext4/sum$cpu)" "$(md5sum < /ext4/data$cpu)"
done
umount /ext4

echo 3 > /proc/sys/vm/drop_caches
start=$(now); dd if=/dev/hda of=/dev/null bs=1M count=48 2>/dev/null; rate read 48 "$start" "$(now)"
[ -b /dev/sr0 ] && expect "read cd" "$sum" "$(md5sum < /dev/sr0 | cut -d' ' -f1)"
mount -t ext4 -o ro,noload /dev/sr0 /cd; result "mount cd" $?
(cd /cd && md5sum -c -s sums); result "read files of cd" $?

# An interrupt that goes to the last CPU: its counter must move.
last=$(($(nproc) - 1))
column=$((last + 2))
echo $((1 << last)) | awk '{ printf "%x\n", $1 }' > /proc/irq/14/smp_affinity
before=$(awk "/ata_piix/ && /^ *14:/ { print \$$column }" /proc/interrupts)
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/hda of=/dev/null bs=64k count=64 2>/dev/null
after=$(awk "/ata_piix/ && /^ *14:/ { print \$$column }" /proc/interrupts)
[ "$after" -gt "$before" ]; result "irq 14 on CPU $last" $? "$before to $after"

grep -E 'ata_piix|CPU0' /proc/interrupts
dmesg | grep -E 'ata[0-9]|scsi|sd [0-9]|sr [0-9]|EXT4'
bad=$(dmesg | grep -ciE 'lost interrupt|failed command|exception Emask|I/O error|lockup|stall|error handler')
expect "quiet kernel" 0 "$bad"
[ "$bad" = 0 ] || dmesg | tail -60
echo "disk-test end"
