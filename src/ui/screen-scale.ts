// How large the picture is shown. A CRT showed every VGA mode at 4:3; a mode of 640x400 or 720x400 dots had
// dots that are higher than wide. Sharp: every dot a whole number of device pixels, text with square dots,
// graphics with the two numbers that come nearest to 4:3. Monitor: as a CRT, as large as fits.

export type ScaleMode = 'sharp' | 'monitor';
export interface Shape { width: number; height: number; kind: string }
/** CSS pixels; `even` when every dot has the same number of device pixels. */
export interface Size { width: number; height: number; even: boolean }

const CRT = 4 / 3;

/** Dots of a VGA mode are not square where its lines are not 3/4 of its width. */
function aspect({ width, height, kind }: Shape): number {
  return kind === 'text' || kind === 'graphics' ? CRT : width / height;
}

/**
 * Whole numbers of device pixels per dot, in the room of `columns` by `rows` of them, nearest to the shape.
 */
function wholeDots(shape: Shape, columns: number, rows: number): [number, number] {
  let best: [number, number] = [1, 1];
  let bestError = Infinity;
  for (let x = 1; x <= columns; x++) {
    for (let y = 1; y <= rows; y++) {
      const error = Math.abs(Math.log(x * shape.width / (y * shape.height) / aspect(shape)));
      // The larger one of equals; a better shape does not pay for less than half of the size.
      const larger = x * y > best[0] * best[1];
      if (error < bestError - 0.01 && x * y * 2 > best[0] * best[1] || error < bestError + 0.01 && larger) {
        best = [x, y];
        bestError = error;
      }
    }
  }
  return best;
}

/** `room` in CSS pixels, `density` device pixels in one. */
export function scaled(shape: Shape, room: { width: number; height: number }, density: number,
  mode: ScaleMode): Size {
  const columns = Math.floor(room.width * density / shape.width);
  const rows = Math.floor(room.height * density / shape.height);
  if (mode === 'sharp' && columns >= 1 && rows >= 1) {
    const square = Math.min(columns, rows);
    const [x, y] = shape.kind === 'graphics' ? wholeDots(shape, columns, rows) : [square, square];
    return { width: x * shape.width / density, height: y * shape.height / density, even: true };
  }
  const ratio = mode === 'monitor' ? aspect(shape) : shape.width / shape.height;
  const width = Math.min(room.width, room.height * ratio);
  return { width, height: width / ratio, even: false };
}
