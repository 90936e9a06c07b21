// A 128 KiB firmware image for QEMU that puts the CPU into a given start state and jumps: real mode, flat
// 32-bit protected mode or 64-bit long mode. So a flat image, or the guest memory that Skep's own loader
// made, runs under QEMU from its first instruction, without SeaBIOS. The image shadows 0xE0000 ... 0xFFFFF,
// where tables (RSDP, MP) may be laid into it. The code is small enough to be assembled here by hand; SDM
// volume 2 encodings.

export type StartMode = 'real' | 'protected' | 'long';

export interface StartState {
  mode: StartMode;
  entry: bigint;
  /** General registers by name (rax ... r15); others start as 0. */
  registers: ReadonlyMap<string, bigint>;
  /** Long mode: page tables, and bits set beyond those that the mode needs. */
  cr3: bigint;
  cr0: bigint;
  cr4: bigint;
  efer: bigint;
  /** Writes to PCI configuration space (mechanism 1) before the start: address with bit 31, value. */
  pci: ReadonlyArray<readonly [number, number]>;
}

export const ROM_BASE = 0xe0000;
export const ROM_SIZE = 0x20000;
export const ROM_END = ROM_BASE + ROM_SIZE;
/** The stub has the last page for itself. */
export const STUB_BASE = 0xff000;
const SEGMENT = 0xf0000;
const RESET_VECTOR = 0xffff0;

const STUB_CODE = 0x08;
/** Linux's __BOOT_CS and __BOOT_DS (boot.rst); multiboot kernels get the same selectors. */
const CODE = 0x10;
const DATA = 0x18;
const FLAT_CODE_32 = 0x00cf9b000000ffffn;
const FLAT_CODE_64 = 0x00af9b000000ffffn;
const FLAT_DATA = 0x00cf93000000ffffn;
const GDT_ENTRIES = 4;

/** Encoding order of the general registers. */
const GENERAL = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12',
  'r13', 'r14', 'r15'];

const CR0_PE = 0x1n;
const CR0_PG = 0x80000000n;
const CR4_PAE = 0x20n;
const EFER_LME = 0x100n;
const MSR_EFER = 0xc0000080n;
const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;

function le(value: bigint | number, size: number): number[] {
  const bits = BigInt(value);
  return Array.from({ length: size }, (_, index) => Number((bits >> BigInt(8 * index)) & 0xffn));
}

class Assembler {
  readonly bytes: number[] = [];
  get here(): number {
    return STUB_BASE + this.bytes.length;
  }
  put(...bytes: number[]): void {
    this.bytes.push(...bytes);
  }
  /** mov r32, imm32 in code of either default size. */
  mov32(register: number, value: bigint | number, from16: boolean): void {
    if (from16) this.put(0x66);
    this.put(0xb8 + register, ...le(value, 4));
  }
  /** Clears the arithmetic flags: the result 1 has odd parity. */
  clearFlags(from16: boolean): void {
    this.mov32(0, 1, from16);
    this.put(...(from16 ? [0x66] : []), 0x09, 0xc0); // or eax, eax
  }
}

function putPciWrites(code: Assembler, writes: StartState['pci']): void {
  for (const [address, value] of writes) {
    for (const [port, data] of [[CONFIG_ADDRESS, address], [CONFIG_DATA, value]] as const) {
      code.mov32(0, data >>> 0, true);
      code.put(0xba, ...le(port, 2), 0x66, 0xef); // mov dx, port; out dx, eax
    }
  }
}

function putSegments(code: Assembler, selector: number, from16: boolean): void {
  code.put(...(from16 ? [] : [0x66]), 0xb8, ...le(selector, 2)); // mov ax, selector
  for (const modrm of [0xd8, 0xc0, 0xd0, 0xe0, 0xe8]) code.put(0x8e, modrm); // ds es ss fs gs
}

function putLongMode(code: Assembler, start: StartState): void {
  code.mov32(0, start.cr4 | CR4_PAE, false);
  code.put(0x0f, 0x22, 0xe0); // mov cr4, eax
  code.mov32(0, start.cr3, false);
  code.put(0x0f, 0x22, 0xd8); // mov cr3, eax
  code.mov32(1, MSR_EFER, false);
  code.mov32(0, start.efer | EFER_LME, false);
  code.mov32(2, 0, false);
  code.put(0x0f, 0x30); // wrmsr
  code.mov32(0, start.cr0 | CR0_PG | CR0_PE, false);
  code.put(0x0f, 0x22, 0xc0); // mov cr0, eax
  code.put(0xea, ...le(code.here + 7, 4), ...le(CODE, 2));
}

function assemble(start: StartState, gdtr: number): Assembler {
  const code = new Assembler();
  const value = (name: string): bigint => start.registers.get(name) ?? 0n;
  code.put(0xfa, 0xfc); // cli; cld
  putPciWrites(code, start.pci);
  if (start.mode === 'real') {
    putSegments(code, 0, true);
    code.clearFlags(true);
    GENERAL.slice(0, 8).forEach((name, register) => code.mov32(register, value(name), true));
    code.put(0xea, ...le(start.entry & 0xffffn, 2), 0, 0); // jmp 0:entry
    return code;
  }
  code.put(0x2e, 0x66, 0x0f, 0x01, 0x16, ...le(gdtr - SEGMENT, 2)); // lgdt cs:[gdtr]
  code.put(0x0f, 0x20, 0xc0, 0x66, 0x83, 0xc8, 0x01, 0x0f, 0x22, 0xc0); // cr0 |= PE
  code.put(0x66, 0xea, ...le(code.here + 8, 4), ...le(STUB_CODE, 2));
  putSegments(code, DATA, false);
  if (start.mode === 'protected') {
    code.clearFlags(false);
    GENERAL.slice(0, 8).forEach((name, register) => code.mov32(register, value(name), false));
    code.put(0xea, ...le(start.entry, 4), ...le(CODE, 2));
    return code;
  }
  putLongMode(code, start);
  putSegments(code, DATA, false);
  code.clearFlags(false);
  GENERAL.forEach((name, register) => {
    code.put(register < 8 ? 0x48 : 0x49, 0xb8 + (register & 7), ...le(value(name), 8)); // mov r64, imm64
  });
  code.put(0xff, 0x25, 0, 0, 0, 0, ...le(start.entry, 8)); // jmp [rip]
  return code;
}

export type Table = readonly [address: number, bytes: Uint8Array];

/** `tables`: bytes that the start state has between 0xE0000 and 0xFF000, by address. */
export function buildRom(start: StartState, tables: readonly Table[] = []): Uint8Array {
  const rom = new Uint8Array(ROM_SIZE);
  for (const [address, bytes] of tables) {
    if (address < ROM_BASE || address + bytes.length > STUB_BASE) {
      throw new Error(`a table at 0x${address.toString(16)} does not fit below 0x${STUB_BASE.toString(16)}`);
    }
    rom.set(bytes, address - ROM_BASE);
  }
  const gdt = RESET_VECTOR - 8 * GDT_ENTRIES;
  const gdtr = gdt - 8;
  const code = assemble(start, gdtr);
  if (code.here > gdtr) throw new Error('the start state needs more code than the stub has room for');
  rom.set(code.bytes, STUB_BASE - ROM_BASE);
  rom.set([...le(8 * GDT_ENTRIES - 1, 2), ...le(gdt, 4)], gdtr - ROM_BASE);
  const code64 = start.mode === 'long' ? FLAT_CODE_64 : FLAT_CODE_32;
  [0n, FLAT_CODE_32, code64, FLAT_DATA].forEach((entry, index) => rom.set(le(entry, 8), gdt + 8 * index - ROM_BASE));
  // jmp near to the stub: the offset counts from the byte after the instruction.
  rom.set([0xe9, ...le((STUB_BASE - (RESET_VECTOR + 3)) & 0xffff, 2)], RESET_VECTOR - ROM_BASE);
  return rom;
}
