#!/bin/busybox sh
# /disk/setup [DISKS] in the guest of the disk suites (tools/guest/disk-guest.ts): loads the kernel's own disk
# drivers and waits for so many disks (1). The kernel probes them side by side and names them as they come, so
# /dev/hda and /dev/hdb are made links by their place on the cable. Exit status 1 when they are not found.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
for module in /disk/modules/*; do insmod "$module" || echo "insmod $module FAILED"; done
mkdir -p /ext4 /cd
disks=${1:-1}
for n in $(seq 200); do
  found=0
  for block in /sys/block/sd*; do
    case $(readlink "$block/device") in
      */0:0:0:0) ln -sf "${block##*/}" /dev/hda; found=$((found + 1)) ;;
      */0:0:1:0) ln -sf "${block##*/}" /dev/hdb; found=$((found + 1)) ;;
    esac
  done
  [ "$found" -ge "$disks" ] && exit 0
  usleep 50000
done
echo "$found of $disks disks FAILED"
exit 1
