// Writes the AssemblyScript of one form: operand fetch, uop, write-back. A form with a memory destination
// gets its host address first, so that flags are never written before a fault.

import { type Form, type Place, TYPES } from './forms.ts';

export interface GlueStyle {
  /** Expression for the linear address of the memory operand. */
  address: (type: string, write: boolean) => string;
  /** Statement that leaves with status s. */
  leave: (s: string) => string;
  /** Statement that goes on with the next instruction. */
  next: string;
  /** Statements that set h to where the operand at linear address `address` can be loaded, or loaded and stored. */
  read: (type: string, address: string) => string[];
  rmw: (type: string, address: string) => string[];
  /** Statements that store a value at a linear address and go on, or leave. */
  write: (type: string, address: string, value: string) => string[];
  /** Statements that go on behind a comparison of x and y whose result is d, when they are others. */
  compared?: (uop: string, type: string) => string[] | undefined;
}

export const FUNCTION_STYLE: GlueStyle = {
  address: (type, write) => `linear<${type}>(c, r, ${write})`,
  leave: (s) => `return ${s};`,
  next: 'return Status.NEXT;',
  read: (type, address) => [`const h = readHost<${type}>(c, ${address});`, 'if (!h) { return Status.FAULT; }'],
  rmw: (type, address) => [`const h = rmwHost<${type}>(c, ${address});`, 'if (!h) { return Status.FAULT; }'],
  write: (type, address, value) => [`return writeValue<${type}>(c, ${address}, ${value});`],
};

function regAt(p: Place): string {
  return p.kind === 'a' ? 'recRm(r)' : p.kind === 'g' ? 'recReg(r)' : 'recVex(r)';
}

function fetch(p: Place, destType: string): string {
  const type = TYPES[p.bytes] ?? destType;
  switch (p.kind) {
    case 'a': case 'g': case 'v': return `readReg<${type}>(c, ${regAt(p)})`;
    case 'm': return 'm';
    case 'i': return `<${destType}>recImm(r)`;
    case 'n': return '<u8>recImm(r)';
    case 'c': return '<u8>c.rcx';
    case 'o': return '<u8>1';
  }
}

function typeArguments(form: Form): string {
  const dest = TYPES[form.bytes]!;
  const other = form.places.slice(1).find((p) => p.bytes !== 0 && p.bytes !== form.bytes);
  const forced = form.uop === 'movzx' || form.uop === 'movsx' || form.uop === 'crc32';
  if (other) return `<${dest}, ${TYPES[other.bytes]}>`;
  return forced ? `<${dest}, ${TYPES[form.places[1]!.bytes]}>` : `<${dest}>`;
}

function call(form: Form, args: string[]): string {
  const all = ['c', ...args];
  if (form.cond !== undefined) all.push(`testCond(c, ${form.cond})`);
  return `${form.uop}${typeArguments(form)}(${all.join(', ')})`;
}

/**
 * An 8-bit immediate beside an 8-bit destination is an operand, not a count: the uop's parameter has the type
 * T = u8 too.
 */
export function glueBody(form: Form, style: GlueStyle): string[] {
  if (form.lock) return lockBody(form);
  const dest = form.places[0]!;
  const type = TYPES[form.bytes]!;
  const sources = form.shape === 'write' ? form.places.slice(1) : form.places;
  const args = sources.map((p) => fetch(p, type));
  const out: string[] = [];
  const memory = form.places.find((p) => p.kind === 'm');
  const loads = sources.includes(memory!);
  if (memory && dest === memory && form.shape === 'rmw') {
    out.push(...style.rmw(type, style.address(type, true)));
    out.push(`const m = load<${type}>(h);`, `store<${type}>(h, ${call(form, args)});`,
      style.leave('rmwDone(c, h)'));
    return out;
  }
  if (memory && loads) {
    const mt = TYPES[memory.bytes]!;
    out.push(...style.read(mt, style.address(mt, false)), `const m = load<${mt}>(h);`);
  }
  if (form.shape === 'read') out.push(...readBody(form, args, style));
  else if (dest.kind === 'm') out.push(...style.write(type, style.address(type, true), call(form, args)));
  else out.push(`writeReg<${type}>(c, ${regAt(dest)}, ${call(form, args)});`, style.next);
  return out;
}

function readBody(form: Form, args: string[], style: GlueStyle): string[] {
  const type = TYPES[form.bytes]!;
  const behind = style.compared?.(form.uop!, type);
  if (!behind) return [`${call(form, args)};`, style.next];
  return [`const x: ${type} = ${args[0]};`, `const y: ${type} = ${args[1]};`, `const d: ${type} = ${call(form, ['x', 'y'])};`,
    ...behind];
}

/** LOCK: a compare-and-swap loop inside an aligned 8-byte word, all other CPUs stopped otherwise. */
function lockBody(form: Form): string[] {
  const type = TYPES[form.bytes]!;
  const args = form.places.map((p) => fetch(p, type));
  const value = call(form, args);
  return [
    `const va = linear<${type}>(c, r, true);`,
    `let h = rmwHost<${type}>(c, va);`,
    'if (!h) return Status.FAULT;',
    `if (needsSplit(h, ${form.bytes})) {`,
    '  rmwCancel();',
    '  if (!splitLockBegin(c)) return Status.RETRY;',
    `  h = rmwHost<${type}>(c, va);`,
    '  if (!h) { splitLockEnd(c); return Status.FAULT; }',
    `  const m = load<${type}>(h);`,
    `  store<${type}>(h, ${value});`,
    '  const s = rmwDone(c, h);',
    '  splitLockEnd(c);',
    '  return s;',
    '}',
    'saveFlags(c);',
    `let m = atomicRead<${type}>(h);`,
    `while (!atomicReplace<${type}>(h, m, ${value})) {`,
    '  restoreFlags(c);',
    `  m = atomicRead<${type}>(h);`,
    '}',
    'return rmwDone(c, h);',
  ];
}

/** Body of a wrapper around a hand-written handler. */
export function wrapperBody(form: Form): string[] {
  const type = form.generic ? `<${TYPES[form.bytes]}>` : '';
  const more = (form.cond === undefined ? '' : `, testCond(c, ${form.cond})`) + (form.arg === undefined ? '' : `, ${form.arg}`);
  const out = form.privileged ? ['if (c.cpl != 0) return raiseError(c, Vector.GP, 0);'] : [];
  return [...out, `return ${form.handler}${type}(c, r${more});`];
}
