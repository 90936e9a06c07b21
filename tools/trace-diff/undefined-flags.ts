// Flags that an instruction leaves undefined, SDM volume 2, "Flags Affected" of each instruction, by the
// mnemonic of QEMU's disassembly (AT&T syntax: with size suffix, last operand is the destination).

const CF = 0x001;
const PF = 0x004;
const AF = 0x010;
const ZF = 0x040;
const SF = 0x080;
const OF = 0x800;

const RULES: ReadonlyArray<readonly [RegExp, number]> = [
  [/^i?mul[bwlq]?$/, PF | AF | ZF | SF],
  [/^i?div[bwlq]?$/, CF | PF | AF | ZF | SF | OF],
  [/^sh[lr]d[wlq]?$/, AF | OF],
  [/^(sa[lr]|sh[lr])[bwlq]?$/, AF],
  [/^bs[fr][wlq]?$/, CF | PF | AF | SF | OF],
  [/^bt[crs]?[wlq]?$/, PF | AF | SF | OF],
  [/^[lt]zcnt[wlq]?$/, PF | AF | SF | OF],
  [/^(and|or|xor|test)[bwlq]?$/, AF],
  [/^(andn|bls(i|r|msk)|bzhi|bextr)[lq]?$/, PF | AF | SF],
  [/^(aaa|aas)$/, PF | ZF | SF | OF],
  [/^(daa|das)$/, OF],
  [/^(aam|aad)b?$/, CF | AF | OF],
];
/**
 * A shift or rotation by another count than one (which AT&T writes as a second operand) leaves OF undefined.
 */
const COUNTED = /^(sa[lr]|sh[lr]|ro[lr]|rc[lr])[bwlq]?$/;

const PREFIX = /^(lock|rep|repe|repz|repne|repnz|rex\S*|data16|addr32|[c-gs]s)$/;

/** Drops prefixes that the disassembler prints as words of their own. */
export function mnemonicOf(text: string): string {
  const words = text.toLowerCase().split(' ');
  return words.find((word) => !PREFIX.test(word)) ?? '';
}

export function undefinedFlags(text: string | undefined): number {
  if (text === undefined) return 0;
  const mnemonic = mnemonicOf(text);
  let flags = COUNTED.test(mnemonic) && text.includes(',') ? OF : 0;
  for (const [pattern, mask] of RULES) {
    if (pattern.test(mnemonic)) flags |= mask;
  }
  return flags;
}
