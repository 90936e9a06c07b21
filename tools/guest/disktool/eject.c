// disktool eject [--device /dev/sr0] [--packet 1]: opens the tray by the kernel's own command, or past the kernel
// by START STOP UNIT (MMC-3 section 6.36), whose sense data it prints. Exit status 1: the tray stays closed.

#include "disktool.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/cdrom.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int by_packet(int fd) {
  unsigned char packet[6] = { 0x1B, 0, 0, 0, 2, 0 }, sense[18] = { 0 };
  sg_io_hdr_t io = { .interface_id = 'S', .dxfer_direction = SG_DXFER_NONE, .cmd_len = sizeof packet, .cmdp = packet,
    .mx_sb_len = sizeof sense, .sbp = sense, .timeout = 10000 };
  require(ioctl(fd, SG_IO, &io) < 0, "SG_IO");
  if (io.status == 0) return 0;
  printf("sense %x/%02x/%02x\n", sense[2] & 15, sense[12], sense[13]);
  return 1;
}

int eject_main(int argc, char **argv) {
  int fd = open(option(argc, argv, "--device", "/dev/sr0"), O_RDONLY | O_NONBLOCK);
  require(fd < 0, "the drive");
  if (option_number(argc, argv, "--packet", 0) != 0) return by_packet(fd);
  int refused = ioctl(fd, CDROMEJECT);
  if (refused == 0) return 0;
  printf("%s\n", refused < 0 ? strerror(errno) : "the drive refuses");
  return 1;
}
