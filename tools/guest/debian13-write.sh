#!/bin/sh
# Writes the disk image of guest debian13 from its system, in a mount namespace of its own.
#   write.sh ROOT STAGE; environment: UUID, SIZE_MIB, SOURCE_DATE_EPOCH. Makes STAGE/disk.img.
set -eu
r=$1
stage=$2

# --- the bare system: later mounts first
awk -v root="$r/" 'index($2, root) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r place; do
  umount "$place"
done

# --- dates, then the file system. A system whose /usr is not newer than these two skips its first-boot updates.
find "$r" -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
for place in etc var; do
  printf 'TIMESTAMP_NSEC=%s000000000\n' "$SOURCE_DATE_EPOCH" > "$r/$place/.updated"
  touch --date="@$SOURCE_DATE_EPOCH" "$r/$place/.updated" "$r/$place"
done
# Features that GRUB's ext2 driver knows. The tables are written now: the guest need not zero them in idle time.
# E2FSPROGS_FAKE_TIME: the e2fsprogs before 1.47.1 know only that.
truncate -s "${SIZE_MIB}M" "$stage/disk.img"
E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -F -t ext4 -b 4096 -I 256 -i 32768 -m 1 -L debian13 -U "$UUID" \
  -O ^metadata_csum_seed,^orphan_file -J size=16 \
  -E offset=1048576,lazy_itable_init=0,lazy_journal_init=0,hash_seed="$UUID" \
  -d "$r" "$stage/disk.img" $(((SIZE_MIB - 1) * 1024))k
