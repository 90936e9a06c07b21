#!/bin/busybox sh
# /init of debian13's initramfs: loads only what the root disk needs, mounts it read-only and hands over to
# systemd, which checks it and makes it writable. Knows root=, ro, rw and init=; waits for the disk.
/bin/busybox mkdir -p /bin /sbin /proc /sys /dev /run /root
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t devtmpfs -o nosuid,mode=0755 udev /dev
mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run

root= mode=ro init=/sbin/init
for word in $(cat /proc/cmdline); do
  case $word in
    root=*) root=${word#root=} ;;
    init=*) init=${word#init=} ;;
    ro | rw) mode=$word ;;
  esac
done

load() {
  for module; do
    grep -q "^$module " /proc/modules || insmod "/lib/modules/$module.ko"
  done
}

load crc16 crc32c_generic mbcache jbd2 ext4
for device in /sys/bus/pci/devices/*; do
  case $(cat "$device/class"):$(cat "$device/vendor") in
    0x0101*) load scsi_common scsi_mod libata sd_mod ata_piix ;;
    0x0106*) load scsi_common scsi_mod libata sd_mod libahci ahci ;;
    0x0100??:0x1af4) load virtio_blk ;;
  esac
done

tries=0
until device=$(findfs "$root" 2>/dev/null) && [ -b "$device" ]; do
  tries=$((tries + 1))
  if [ $tries = 600 ]; then
    echo "There is no disk $root. A shell; exit tries again."
    sh
    tries=0
  fi
  usleep 50000
done
mount -t ext4 -o "$mode" "$device" /root || sh
for place in proc sys dev run; do mount --move /$place /root/$place; done
exec switch_root /root "$init"
