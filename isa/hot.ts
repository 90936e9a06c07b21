// Forms that are inlined in the interpreter's hot switch, about 99 % of the instructions that a Debian boot
// to the login prompt executes (10.5 G, counted by a QEMU plugin). The compiler's time grows faster than the
// size of that switch: keep it below 300. Names: x = read-modify-write or write, q = flags only; places
// a = r/m register, g = reg, m = memory, i = immediate, n = 8-bit immediate, c = CL, o = 1, with their bytes
// (tools/isa-gen/forms.ts).

const CONDITION_NUMBERS = Array.from({ length: 16 }, (_, n) => n);

/** Each word is a suffix of places. */
const on = (prefix: string, places: string): string[] =>
  places.trim().split(/\s+/).map((p) => `${prefix}_${p}`);

export const HOT: string[] = [
  // Moves: 36 %.
  ...on('x_mov', 'a8_g8 a4_g4 a1_g1 g8_m8 g4_m4 g1_m1 m8_g8 m4_g4 m2_g2 m1_g1 a8_i a4_i m8_i m4_i m2_i m1_n'),
  ...on('x_movzx', 'a4_g1 a4_g2 g4_m1 g4_m2'),
  ...on('x_movsx', 'a8_g4 g8_m4 g4_m1 a4_g1'),
  'x_hLea_8', 'x_hLea_4',
  // Arithmetic and logic: 27 %.
  ...on('x_add', 'a8_g8 a4_g4 a8_i a4_i g8_m8 g4_m4 m8_g8 m4_g4 m8_i m4_i a1_i'),
  ...on('x_sub', 'a8_g8 a4_g4 a8_i a4_i g8_m8 g4_m4 m4_i'),
  ...on('x_and', 'a8_g8 a4_g4 a1_g1 a8_i a4_i a1_i g8_m8 g4_m4 m4_i'),
  ...on('x_or', 'a8_g8 a4_g4 a1_g1 a8_i a4_i a1_i g8_m8 g4_m4 m8_i m4_i m1_i'),
  ...on('x_xor', 'a8_g8 a4_g4 a1_g1 a4_i g8_m8 g4_m4 m8_g8'),
  ...on('x_adc', 'a8_g8 a8_i'), ...on('x_sbb', 'a8_g8 a4_g4 a8_i'),
  ...on('x_inc', 'a8 a4 m4'), ...on('x_dec', 'a8 a4 m4'), ...on('x_neg', 'a8 a4'), ...on('x_not', 'a8 a4'),
  ...on('x_imul', 'a8_g8 a4_g4 g4_a4_i g8_a8_i'),
  // Comparisons: 10 %.
  ...on('q_sub', 'a8_g8 a4_g4 a2_g2 a1_g1 a8_i a4_i a2_i a1_i g8_m8 g4_m4 g1_m1 m8_g8 m4_g4 m1_g1 m8_i m4_i m2_i m1_i'),
  ...on('q_and', 'a8_g8 a4_g4 a2_g2 a1_g1 a8_i a4_i a2_i a1_i m8_i m4_i m2_i m1_i'),
  // Shifts: 7 %.
  ...on('x_shl', 'a8_n a4_n a8_c a4_c'), ...on('x_shr', 'a8_n a4_n a2_n a1_n a8_c a4_c a8_o a4_o'),
  ...on('x_sar', 'a8_n a4_n a8_c a4_c a8_o a4_o'),
  ...on('x_rol', 'a4_n a8_n'), ...on('x_ror', 'a4_n a8_n'), ...on('x_shrd', 'a8_g8_n'),
    ...on('x_shld', 'a8_g8_n'),
  ...on('x_bsf', 'a8_g8 a4_g4'), ...on('x_bswap', 'a4 a8'), ...on('q_bt', 'a8_g8 a8_i'),
  ...CONDITION_NUMBERS.map((n) => `x_setcc_cc${n}_a1`),
  ...CONDITION_NUMBERS.map((n) => `x_cmovcc_cc${n}_a8_g8`),
  ...[2, 3, 4, 5, 6, 7, 8, 9, 13, 15].map((n) => `x_cmovcc_cc${n}_a4_g4`),
  // Control transfer and stack: 20 %.
  ...CONDITION_NUMBERS.map((n) => `x_hJcc_cc${n}`),
  'hJmp', 'x_hCall_8', 'x_hRet_8', 'x_hJmpE_8', 'x_hCallE_8', 'x_hPushR_8', 'x_hPopR_8', 'x_hPushI_8', 'x_hLeave_8',
  'x_hCbw_8', 'x_hCwd_8', 'x_hCwd_4', 'hNop',
];

/** More of them in 16- and 32-bit code (gen/exec-flat.ts, gen/exec-segmented.ts). */
export const HOT_LEGACY: string[] = [
  ...['x_hCall', 'x_hRet', 'x_hRetI', 'x_hJmpE', 'x_hCallE', 'x_hPushR', 'x_hPopR', 'x_hPushI', 'x_hLeave']
    .flatMap((name) => [`${name}_4`, `${name}_2`]),
  'x_hLea_2',
  ...on('x_mov', 'a2_g2 g2_m2 a2_i a1_n'), ...on('x_movzx', 'a2_g1 g2_m1'), ...on('x_movsx', 'g4_m2 a4_g2'),
  ...on('x_add', 'a2_g2 a2_i g2_m2 m2_g2 m2_i a1_g1'),
  ...on('x_sub', 'm4_g4 a2_g2 a2_i g2_m2 m2_i a1_g1 a1_i'),
  ...on('x_and', 'a2_g2 a2_i g2_m2 m1_i m4_g4'), ...on('x_or', 'a2_g2 a2_i g2_m2 m4_g4'),
  ...on('x_xor', 'a2_g2 a2_i m4_g4'),
  ...on('x_adc', 'a4_g4 a4_i a2_g2 a2_i g4_m4 m4_g4'), ...on('x_sbb', 'a4_i a2_g2 a2_i g4_m4 m4_g4'),
  ...on('x_inc', 'a2 m2'), ...on('x_dec', 'a2 m2'), 'x_neg_a2', 'x_not_a2', 'x_imul_g4_m4',
  ...on('q_sub', 'g2_m2 m2_g2'),
  ...on('x_shl', 'a2_n a4_o a2_o'), ...on('x_shr', 'a2_o'), ...on('x_sar', 'a2_n'),
  ...on('x_shrd', 'a4_g4_n'), ...on('x_shld', 'a4_g4_n'), ...on('q_bt', 'a4_g4 a4_i'), 'x_bsr_a4_g4',
  ...[0, 1, 10, 11, 12, 14].map((n) => `x_cmovcc_cc${n}_a4_g4`),
];
