// Numbers as people read them.

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** 15_732_000 -> "15.7 MB" (decimal units, as browsers show downloads). */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** RAM in binary units: 512 -> "512 MiB", 2048 -> "2 GiB". */
export function formatMemory(mib: number): string {
  return mib >= 1024 && mib % 256 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`;
}

/** Millions of instructions per second: 0.4 -> "0.4", 12.34 -> "12.3", 512.3 -> "512". */
export function formatMips(mips: number): string {
  return mips >= 99.95 ? mips.toFixed(0) : mips.toFixed(1);
}

/** 1234567 -> "1,234,567". */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en');
}

/** 75_000 ms -> "1:15". */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const rest = String(seconds % 60).padStart(2, '0');
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
