#!/bin/busybox sh
# /disk/records in the guest of the crash suite: two processes append records that must survive a crash, a third
# one keeps the caches dirty without ever syncing. Runs until the machine is gone.
/disk/setup && mount -t ext4 /dev/hda /ext4 || exit 1
echo "records start"
(while :; do dd if=/dev/urandom of=/ext4/noise bs=64k count=32 conv=notrunc 2>/dev/null; done) &
disktool append --dir /ext4 --process 0 &
disktool append --dir /ext4 --process 1 &
wait
