// Puts everything into guest RAM that firmware and a boot loader would have put there, and says how CPU 0
// starts.

import type { BootConfig } from '../config.ts';
import { KernelError } from '../errors.ts';
import { buildAcpi } from '../acpi/tables.ts';
import { buildMpTable } from '../acpi/mp-table.ts';
import { looksLikeLinux, parseBzImage } from './bzimage.ts';
import { isElf } from './elf.ts';
import { LOW, putBiosData, putInterruptVectors, type BootState, type GuestRam } from './guest-ram.ts';
import { loadLinux } from './linux.ts';
import { findMultiboot, loadMultiboot } from './multiboot.ts';
import type { Unzstd } from './unzstd.ts';

/**
 * Throws KernelError unless the file is a kernel that `loadPayload` understands. Cheap: reads headers only.
 */
export function checkKernel(boot: BootConfig): 'linux' | 'multiboot' {
  const { name, bytes } = boot.kernel;
  if (looksLikeLinux(bytes)) {
    parseBzImage(bytes, name);
    return 'linux';
  }
  if (findMultiboot(bytes) !== undefined) return 'multiboot';
  const what = bytes.length === 0 ? 'is empty' : isElf(bytes) ? 'is an ELF file without a multiboot header'
    : 'is neither a Linux bzImage nor a multiboot 1 kernel';
  throw new KernelError(`${name} ${what}, so it cannot be booted as a kernel.`,
    'Give the vmlinuz of a distribution, or an ELF file with a multiboot 1 header in its first 8192 bytes.');
}

export async function loadPayload(ram: GuestRam, cpus: number, boot: BootConfig,
  unzstd?: Unzstd): Promise<BootState> {
  const kind = checkKernel(boot);
  putBiosData(ram);
  ram.zero(LOW.ACPI, LOW.HIGH - LOW.ACPI, 'The ACPI tables');
  const acpi = buildAcpi({ cpus, base: LOW.ACPI, ramBytes: ram.size });
  ram.put(LOW.ACPI, acpi.bytes, 'The ACPI tables');
  ram.put(LOW.MP_TABLE, buildMpTable({ cpus, base: LOW.MP_TABLE }), 'The MP table');
  putInterruptVectors(ram);
  return kind === 'linux' ? loadLinux(ram, boot, acpi.rsdp, unzstd) : loadMultiboot(ram, boot);
}
