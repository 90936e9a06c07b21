// Code page 437, the VGA's character codes, as Unicode: 0x00-0x1F and 0x7F by their signs.

const CONTROL = '\u0020☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼';
const HIGH =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u0020';
const DELETE = '⌂';

export function characterOf(code: number): string {
  if (code < 0x20) return CONTROL[code] ?? ' ';
  if (code === 0x7F) return DELETE;
  return code < 0x80 ? String.fromCharCode(code) : HIGH[code - 0x80] ?? ' ';
}
