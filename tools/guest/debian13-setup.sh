#!/bin/sh
# Customises the unpacked system of guest debian13: run by mmdebstrap as root of the system or of its user
# namespace. No loop device, no mknod.
#   setup.sh ROOT STAGE; environment: VERSION of the kernel, UUID, and what write.sh wants
# STAGE holds initrd.cpio, grub/ (unpacked packages), grub.cfg, bench/, files/, write.sh; gets initrd, core.img, boot.img.
set -eu
r=$1
stage=$2

# --- what a Debian system needs to know about itself
cp -r "$stage/files/." "$r/"
rm -f "$r/etc/apt/sources.list" "$r/etc/resolv.conf"
# 1000 rounds instead of Debian's default, which costs seconds of an emulated CPU at each login. Password: skep.
echo 'root:$6$rounds=1000$skepskepskep$CU2s/je/JIjouySzpXR/UkCs/DTz9bEprlA9bJ.lHYFQW5nQytFhtrndYcRL7B82jSF6CH.fsKLLP/qIRH0qW.' \
  | chroot "$r" chpasswd -e
chroot "$r" systemctl --quiet enable serial-getty@ttyS0.service getty@tty1.service
# Housekeeping of a server that runs for weeks would only take the CPU of a machine that runs for minutes.
chroot "$r" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
  e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-binfmt.service systemd-pstore.service \
  proc-sys-fs-binfmt_misc.automount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  modprobe@configfs.service modprobe@drm.service modprobe@fuse.service
# Generators for what a machine without TPM, swap, GPT and scripts of System V does not have.
mkdir -p "$r/etc/systemd/system-generators"
for name in gpt-auto hibernate-resume rc-local ssh system-update sysv tpm2; do
  ln -s /dev/null "$r/etc/systemd/system-generators/systemd-$name-generator"
done
: > "$r/etc/machine-id"
rm -f "$r/var/lib/dbus/machine-id"

# --- the initramfs and the benchmarks
cp "$stage/initrd.cpio" "$r/tmp/initrd"
chroot "$r" zstd -q -19 -T1 --rm /tmp/initrd -o "/boot/initrd.img-$VERSION"
cp "$r/boot/initrd.img-$VERSION" "$stage/initrd"
ln -sf "boot/initrd.img-$VERSION" "$r/initrd.img"
printf 'MODULES=list\n' > "$r/etc/initramfs-tools/conf.d/skep"
printf '%s\n' ata_piix ahci virtio_blk sd_mod ext4 crc32c_generic >> "$r/etc/initramfs-tools/modules"
mkdir -p "$r/root/bench"
cp "$stage"/bench/* "$r/root/bench/"
chroot "$r" sh -c "cd /root/bench && sh ./build.sh"

# --- GRUB's core image, made by its own program: it runs in the new system, whose libraries fit
mkdir -p "$r/tmp/grub" "$r/boot/grub"
cp -r "$stage/grub/." "$r/tmp/grub/"
cp "$stage/grub.cfg" "$r/boot/grub/grub.cfg"
printf 'search --no-floppy --fs-uuid --set=root %s\nset prefix=($root)/boot/grub\n' "$UUID" > "$r/tmp/grub/early.cfg"
chroot "$r" env LD_LIBRARY_PATH=/tmp/grub/usr/lib/x86_64-linux-gnu /tmp/grub/usr/bin/grub-mkimage \
  -d /tmp/grub/usr/lib/grub/i386-pc -O i386-pc -o /tmp/grub/core.img -p '(hd0,msdos1)/boot/grub' \
  -c /tmp/grub/early.cfg biosdisk part_msdos ext2 search search_fs_uuid search_label normal linux linux16 \
  chain echo test configfile boot serial terminal ls cat sleep keystatus reboot halt minicmd
cp "$r/tmp/grub/core.img" "$stage/core.img"
cp "$r/tmp/grub/usr/lib/grub/i386-pc/boot.img" "$stage/boot.img"

# --- what is not for a disk that travels through a network
rm -rf "$r/tmp/grub" "$r"/var/lib/apt/lists/*_* "$r"/var/cache/apt/*.bin "$r"/var/cache/apt/archives/*.deb \
  "$r"/var/log/*.log "$r"/var/log/apt/* "$r"/var/cache/debconf/*-old "$r"/var/lib/dpkg/*-old "$r"/etc/*- \
  "$r"/initrd.img.old "$r"/vmlinuz.old "$r"/var/cache/ldconfig/aux-cache "$r"/root/.cache \
  "$r"/etc/apt/apt.conf.d/00mmdebstrap "$r"/etc/apt/apt.conf.d/99mmdebstrap "$r"/etc/apt/apt.conf.d/99debconf
find "$r/usr/share/doc" -mindepth 1 -not -type d -not -name copyright -delete
find "$r/usr/share/doc" -mindepth 1 -type d -empty -delete
rm -rf "$r"/usr/share/man/* "$r"/usr/share/info/* "$r"/usr/share/lintian
find "$r/usr/share/locale" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +

find "$r/tmp" -mindepth 1 -delete

# --- the file system: written where what mmdebstrap has mounted in the system (proc, sys, dev) is not seen
chroot "$r" dpkg-query -W -f '${Package} ${Version}\n' > "$stage/packages.txt"
if unshare --mount true 2>/dev/null; then
  unshare --mount sh "$stage/write.sh" "$r" "$stage"
else
  sh "$stage/write.sh" "$r" "$stage"
fi
