// Files of ours in the system of guest debian13, by their paths, and GRUB's menu. @UUID@ is the root file
// system's, @APPEND@ the kernel command line. Only what Debian leaves to the administrator.

const ETHERNET = ['eth0', 'ens3', 'enp0s3', 'enp0s4', 'enp0s5'];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Each module costs the guest the check of its signature, some 50 million instructions; nobody needs these in
 * a machine of this kind. modprobe NAME still loads one.
 */
const UNUSED_MODULES = ['vga16fb', 'parport_pc', 'ppdev', 'lp', 'pcspkr', 'serio_raw', 'ata_generic',
  'i2c_piix4', 'qemu_fw_cfg', 'ip_tables', 'sg', 'floppy', 'aesni_intel', 'ghash_clmulni_intel',
  'polyval_clmulni', 'crc32_pclmul', 'crct10dif_pclmul', 'crc32c_intel', 'sha512_ssse3', 'sha256_ssse3',
  'sha1_ssse3'];

export const DEBIAN13_FILES: Record<string, string> = {
  'etc/hostname': 'debian13\n',
  'etc/hosts': '127.0.0.1 localhost\n127.0.1.1 debian13\n::1 localhost ip6-localhost ip6-loopback\n',
  'etc/fstab': 'UUID=@UUID@ / ext4 noatime,errors=remount-ro 0 1\n',
  'etc/network/interfaces': 'auto lo\niface lo inet loopback\n'
    + ETHERNET.map((name) => `allow-hotplug ${name}\niface ${name} inet dhcp\n`).join(''),
  // The project names no mirror: whoever gives the guest a network names one.
  'etc/apt/sources.list.d/debian.sources': '# Name a Debian mirror and remove the signs.\n#Types: deb\n#URIs:\n'
    + `#Suites: trixie trixie-updates\n#Components: main\n#Signed-By: ${KEYRING}\n`,
  'etc/apt/apt.conf.d/90skep': 'APT::Install-Recommends "false";\n',
  // A journal on the disk is written at every boot; dmesg and journalctl -b show this one's.
  'etc/systemd/journald.conf.d/skep.conf': '[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n',
  'etc/systemd/system.conf.d/skep.conf':
    '[Manager]\nDefaultTimeoutStartSec=300s\nDefaultDeviceTimeoutSec=300s\n',
  // udev gives up on a worker after 180 s, which a slow emulated CPU under load may need.
  'etc/udev/udev.conf': 'event_timeout=600\n',
  'etc/modprobe.d/skep.conf': UNUSED_MODULES.map((name) => `blacklist ${name}\n`).join(''),
  // Once user space is up, only errors go to the consoles; dmesg has everything.
  'etc/sysctl.d/10-skep.conf': 'kernel.printk = 4 4 1 7\n',
  'etc/locale.conf': 'LANG=C.UTF-8\n',
  'etc/systemd/system/serial-getty@.service.d/skep.conf': '[Service]\nEnvironment=TERM=xterm-256color\n',
  'etc/motd': 'Debian 13 on Skep, a PC in a browser tab: gcc, python3, benchmarks in ~/bench; poweroff\n',
  'etc/issue': 'Debian GNU/Linux 13 \\n \\l (root, password skep)\n\n',
};

/** The links /vmlinuz and /initrd.img are Debian's own: a new kernel boots, too. */
export const GRUB_CFG = `serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
set default=0
search --no-floppy --fs-uuid --set=root @UUID@
menuentry 'Debian GNU/Linux 13' {
  echo 'Loading Linux ...'
  linux /vmlinuz @APPEND@
  echo 'Loading initial ramdisk ...'
  initrd /initrd.img
}
menuentry 'Debian GNU/Linux 13, one user' {
  linux /vmlinuz @APPEND@ systemd.unit=rescue.target
  initrd /initrd.img
}
`;
