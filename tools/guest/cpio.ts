// Writer of "new ASCII" cpio archives (magic 070701), the format of a Linux initramfs.
// Document: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
// Entries are described, not read from a directory: device nodes need no mknod, and nothing needs root.
// Left out: hard links (every entry has one link), checksums (070702), reading.

export type CpioEntry =
  | { path: string; type: 'directory'; mode?: number }
  | { path: string; type: 'file'; mode?: number; data: Uint8Array }
  | { path: string; type: 'symlink'; target: string }
  | { path: string; type: 'char'; mode?: number; major: number; minor: number };

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;
const ALIGN = 4;
/** Archives are padded to a whole number of these, as cpio(1) does. */
const BLOCK = 512;
const TRAILER = 'TRAILER!!!';

interface Inode {
  path: string;
  mode: number;
  data: Uint8Array;
  major: number;
  minor: number;
}

const NOTHING = new Uint8Array(0);

function inodeOf(entry: CpioEntry): Inode {
  const plain = { path: entry.path, major: 0, minor: 0, data: NOTHING };
  switch (entry.type) {
    case 'directory':
      return { ...plain, mode: S_IFDIR | (entry.mode ?? 0o755) };
    case 'file':
      return { ...plain, mode: S_IFREG | (entry.mode ?? 0o644), data: entry.data };
    case 'symlink':
      return { ...plain, mode: S_IFLNK | 0o777, data: new TextEncoder().encode(entry.target) };
    case 'char':
      return { ...plain, mode: S_IFCHR | (entry.mode ?? 0o600), major: entry.major, minor: entry.minor };
  }
}

function hex8(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}

function headerOf(inode: Inode, number: number): Uint8Array {
  const name = new TextEncoder().encode(`${inode.path}\0`);
  const links = (inode.mode & S_IFMT) === S_IFDIR ? 2 : 1;
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [number, inode.mode, 0, 0, links, 0, inode.data.length, 0, 0, inode.major, inode.minor,
    name.length, 0];
  const head = new TextEncoder().encode(`070701${fields.map(hex8).join('')}`);
  const out = new Uint8Array(Math.ceil((head.length + name.length) / ALIGN) * ALIGN);
  out.set(head);
  out.set(name, head.length);
  return out;
}

/** The archive's bytes: owner root, time 0, in the order given (a directory comes before what it holds). */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const seen = new Set<string>();
  let number = 1;
  for (const entry of entries) {
    const { path } = entry;
    if (path.startsWith('/') || path === '') throw new Error(`cpio: bad path "${path}"`);
    if (seen.has(path)) throw new Error(`cpio: "${path}" is there twice`);
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent !== '' && !seen.has(parent)) throw new Error(`cpio: "${path}" comes before its directory`);
    seen.add(path);
    const inode = inodeOf(entry);
    parts.push(headerOf(inode, number++), inode.data, new Uint8Array(-inode.data.length & (ALIGN - 1)));
  }
  parts.push(headerOf({ path: TRAILER, mode: 0, data: NOTHING, major: 0, minor: 0 }, 0));
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(Math.ceil(size / BLOCK) * BLOCK);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
