// Numbers of the board that the tables announce: they restate the wiring of the core's board.ts for operating
// systems. PIIX4 datasheet (290562) for the power management block, ICH for the reset register.

export const BOARD_IO = {
  PM1_EVENT: 0x600,
  PM1_CONTROL: 0x604,
  PM_TIMER: 0x608,
  RESET: 0xCF9,
  RESET_VALUE: 6,
  CMOS_CENTURY: 0x32,
} as const;
export const SCI_IRQ = 9;
export const LAPIC_ADDRESS = 0xFEE00000;
export const IOAPIC_ADDRESS = 0xFEC00000;
export const IOAPIC_ID = 0;
export const HPET_ADDRESS = 0xFED00000;
/** HPET general capabilities, low word: vendor 8086, legacy replacement, 64 bits, 3 timers, revision 1. */
export const HPET_ID = 0x8086A201;
/** The window of PCI memory begins here: the end of the largest RAM. */
export const PCI_WINDOW_START = 0xE0000000;
export const PCI_WINDOW_END = 0xFEBFFFFF;
/** ISA interrupts that PIRQA-D are routed to at reset (level triggered through ELCR). */
export const PIRQ_ROUTES = [10, 10, 11, 11] as const;
/** S5 in PM1_CNT.SLP_TYP (PIIX4: 0 = soft off). */
export const SLP_TYP_S5 = 0;
