// The disk side of the I/O worker: takes block requests from the ring (wasm/bus/block.ts), performs each on
// its drive's device, completes it through the core. Requests of one drive run in order, drives run side by
// side. The chip's lock is held only while data are copied and the chip is told, never over a device's work;
// a request that the chip has given up meanwhile finds its claim refused and touches nothing. A read that was
// given up while its device does not answer is left behind: what the guest asks afterwards does not wait for
// it.

import { BLOCK_ENTRIES, BLOCK_ENTRY_BYTES, BLOCK_RING, BlockEntry, BlockOp, BlockRing, BlockStatus, CONTROL,
  Control,
  Drive, DRIVE_BYTES, DriveFlag, DriveKind, MAX_DRIVES, SEGMENT_BYTES,
    SERIAL_CHARACTERS } from '../generated-layout.ts';
import { CD_SECTOR, DISK_SECTOR, DiskError, type BlockDevice, type DriveConfig } from './block-device.ts';

/** What the core's instance in this worker gives (wasm/bus/block.ts). */
export interface BlockCore {
  blockClaim(chip: number, tagAt: number, tag: number): number;
  blockRelease(chip: number): void;
  blockRecover(): number;
  blockWritten(address: number, bytes: number): void;
  blockComplete(chip: number, tagAt: number, done: number, status: number, good: number): void;
}

export interface DiskEvents {
  /** A device failed; the guest saw a device error. */
  onError(position: number, name: string, message: string): void;
  /** The guest has opened the tray. */
  onEject(position: number): void;
}

interface Request {
  offset: number; bytes: number; drive: number; op: number; segments: number; segmentCount: number;
  tag: number; tagAt: number; chip: number; done: number;
}
interface Segment { address: number; bytes: number }
/** Requests one behind the other; `current` is with the device. */
interface Line { tail: Promise<void>; scratch: Uint8Array; current: Request | undefined; left: boolean }
interface Slot { config: DriveConfig; device: BlockDevice | undefined; line: Line;
  /** Lines left behind that have not ended. */
  behind: number }

/** So many reads of a drive may be left behind; then the guest waits for them. */
const MOST_BEHIND = 4;
const newLine = (): Line => ({ tail: Promise.resolve(), scratch: new Uint8Array(0), current: undefined,
  left: false });
const sectorBytes = ({ type }: DriveConfig): number => (type === 'cdrom' ? CD_SECTOR : DISK_SECTOR);

/** The same message of a drive comes once in this time. */
const QUIET_MS = 1000;
/** Different messages that are remembered for it. */
const MOST_MESSAGES = 64;

export class BlockService {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly slots = new Map<number, Slot>();
  private readonly told = new Map<string, number>();
  /** While the machine resets nothing is claimed. */
  private held: Promise<void> | undefined;
  private release: () => void = () => {};

  constructor(memory: WebAssembly.Memory, private readonly core: BlockCore,
    private readonly events: DiskEvents,
    private readonly now: () => number = () => performance.now()) {
    this.words = new Int32Array(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  private info(position: number): number {
    return CONTROL + Control.DRIVES + position * DRIVE_BYTES;
  }

  private store(address: number, value: number): void {
    Atomics.store(this.words, address >> 2, value | 0);
  }

  private load(address: number): number {
    return Atomics.load(this.words, address >> 2) >>> 0;
  }

  /** Plugs a drive in, before the board is initialised. */
  plug(config: DriveConfig, device: BlockDevice | undefined): void {
    if (config.position < 0
      || config.position >= MAX_DRIVES) throw new RangeError(`no drive position ${config.position}`);
    this.slots.set(config.position, { config, device, line: newLine(), behind: 0 });
    const at = this.info(config.position);
    const serial = `SK${String(config.position + 1).padStart(8, '0')}`.padEnd(SERIAL_CHARACTERS);
    for (let n = 0; n < SERIAL_CHARACTERS; n++) this.bytes[at + Drive.SERIAL + n] = serial.charCodeAt(n);
    this.describe(config, device);
    this.store(at + Drive.KIND, config.type === 'cdrom' ? DriveKind.CDROM : DriveKind.DISK);
  }

  /** What the guest may know of the medium. */
  private describe(config: DriveConfig, device: BlockDevice | undefined): void {
    const at = this.info(config.position);
    const sectors = Math.ceil((device?.sizeBytes ?? 0) / sectorBytes(config));
    this.store(at + Drive.SECTORS, sectors % 2 ** 32);
    this.store(at + Drive.SECTORS + 4, Math.floor(sectors / 2 ** 32));
    this.store(at + Drive.FLAGS, (device === undefined ? 0 : DriveFlag.MEDIUM)
      | (device?.readOnly === false ? 0 : DriveFlag.READ_ONLY));
  }

  /** Another disc, or none; the old one is closed. The guest finds a unit attention. */
  async change(config: DriveConfig, device: BlockDevice | undefined): Promise<void> {
    const slot = this.slots.get(config.position);
    if (slot === undefined || slot.config.type !== 'cdrom') throw new DiskError('there is no CD-ROM drive');
    // The tray is open until requests for the old disc are done.
    this.describe(config, undefined);
    const { line } = slot;
    const tail = line.tail.then(async () => {
      await slot.device?.close();
      slot.device = device;
      slot.config = config;
      this.describe(config, device);
      Atomics.add(this.words, (this.info(config.position) + Drive.GENERATION) >> 2, 1);
    });
    line.tail = tail.catch(() => {});
    await tail;
  }

  /** Nothing is claimed until resume(); completions wait. */
  hold(): void {
    this.held ??= new Promise((resolve) => { this.release = resolve; });
  }

  resume(): void {
    this.held = undefined;
    this.release();
  }

  /** A piece of a drive for the host, between the guest's requests; past the image's end it is zeros. */
  async read(position: number, offset: number, bytes: number): Promise<Uint8Array> {
    const slot = this.slots.get(position);
    const line = slot?.line;
    const done = line?.tail.then(async () => {
      if (slot?.device === undefined) throw new DiskError('there is no image in the drive');
      const data = new Uint8Array(bytes);
      const inside = Math.max(0, Math.min(bytes, slot.device.sizeBytes - offset));
      if (inside > 0) await slot.device.read(offset, data.subarray(0, inside));
      return data;
    });
    if (line === undefined || done === undefined) throw new DiskError('there is no such drive');
    line.tail = done.then(() => {}, () => {});
    return done;
  }

  /** Waits for what is under way, makes it durable and closes all devices. */
  async close(): Promise<void> {
    for (const slot of this.slots.values()) {
      await slot.line.tail;
      await slot.device?.flush();
      await slot.device?.close();
      slot.device = undefined;
    }
  }

  /** Takes everything that waits in the ring. */
  pump(): void {
    for (;;) {
      const read = this.load(BLOCK_RING + BlockRing.READ);
      if (read === this.load(BLOCK_RING + BlockRing.WRITE)) return;
      const request = this.parse(BLOCK_RING + BlockRing.ENTRIES + (read % BLOCK_ENTRIES) * BLOCK_ENTRY_BYTES);
      this.store(BLOCK_RING + BlockRing.READ, read + 1);
      this.enqueue(request);
    }
  }

  private parse(at: number): Request {
    const word = (offset: number): number => this.view.getUint32(at + offset, true);
    return {
      offset: Number(this.view.getBigUint64(at + BlockEntry.OFFSET, true)), bytes: word(BlockEntry.BYTES),
      drive: word(BlockEntry.DRIVE), op: word(BlockEntry.OP), segments: word(BlockEntry.SEGMENTS),
      segmentCount: word(BlockEntry.SEGMENT_COUNT), tag: word(BlockEntry.TAG), tagAt: word(BlockEntry.TAG_AT),
      chip: word(BlockEntry.CHIP), done: word(BlockEntry.DONE),
    };
  }

  /**
   * In the place of a dead worker, whose devices are lost: everything that it had begun, and everything that
   * will be asked, ends with a fault. False: it died where its locks cannot be freed.
   */
  bury(): boolean {
    if (this.core.blockRecover() === 0) return false;
    // What it had taken is still in the ring: a chip waits for its tag, or the claim is refused.
    for (let n = 0; n < BLOCK_ENTRIES; n++) {
      const request = this.parse(BLOCK_RING + BlockRing.ENTRIES + n * BLOCK_ENTRY_BYTES);
      if (request.tag !== 0) void this.finish(request, BlockStatus.FAULT);
    }
    return true;
  }

  private enqueue(request: Request): void {
    const slot = this.slots.get(request.drive);
    if (slot === undefined) {
      this.countError(request.drive);
      void this.finish(request, BlockStatus.FAULT);
      return;
    }
    if (this.isForgotten(slot.line.current) && slot.behind < MOST_BEHIND) this.leaveBehind(slot);
    const { line } = slot;
    line.tail = line.tail.then(() => this.perform(slot, line, request));
  }

  /** A read that its chip does not wait for any more. */
  private isForgotten(request: Request | undefined): request is Request {
    return request?.op === BlockOp.READ && this.load(request.tagAt) !== request.tag;
  }

  /** Its device still works on the line's read, whose data nobody wants. */
  private leaveBehind(slot: Slot): void {
    const { line } = slot;
    line.left = true;
    slot.behind++;
    this.countError(slot.config.position);
    void line.tail.then(() => { slot.behind--; });
    slot.line = newLine();
  }

  private async perform(slot: Slot, line: Line, request: Request): Promise<void> {
    // What stood behind a read that was left is as forgotten as that.
    if (line.left && request.op !== BlockOp.EJECT) return;
    Atomics.add(this.words, (this.info(request.drive) + Drive.STARTED) >> 2, 1);
    line.current = request;
    try {
      await this.execute(slot, line, request);
      if (!line.left) this.count(request);
    } catch (error) {
      if (!line.left) this.fail(slot, error);
      await this.giveUp(slot, line, request, error);
    } finally {
      line.current = undefined;
    }
  }

  /** A failed read has brought the sectors before the bad one. */
  private async giveUp(slot: Slot, line: Line, request: Request, error: unknown): Promise<void> {
    if (request.op !== BlockOp.READ) {
      await this.finish(request, BlockStatus.FAULT);
      return;
    }
    const good = error instanceof DiskError ? error.good - error.good % sectorBytes(slot.config) : 0;
    await this.finish(request, BlockStatus.MEDIUM, line.scratch.subarray(0, good));
  }

  private async execute(slot: Slot, line: Line, request: Request): Promise<void> {
    if (request.op === BlockOp.EJECT) {
      this.events.onEject(slot.config.position);
      await this.finish(request, BlockStatus.OK);
      return;
    }
    const { device } = slot;
    if (device === undefined) throw new DiskError('there is no disc in the drive');
    const data = this.scratch(line, request.bytes);
    if (request.op === BlockOp.WRITE || request.op === BlockOp.WRITE_THROUGH) {
      if (!await this.gather(request, data)) return;
      await device.write(request.offset, data.subarray(0, this.inside(device, request)));
    }
    if (request.op === BlockOp.WRITE_THROUGH || request.op === BlockOp.FLUSH) await device.flush();
    if (request.op === BlockOp.READ) {
      const inside = this.inside(device, request);
      await device.read(request.offset, data.subarray(0, inside));
      // The last sector of an image that is no whole number of them.
      data.fill(0, inside);
    }
    await this.finish(request, BlockStatus.OK, request.op === BlockOp.READ ? data : undefined);
  }

  private inside(device: BlockDevice, request: Request): number {
    return Math.max(0, Math.min(request.bytes, device.sizeBytes - request.offset));
  }

  private scratch(line: Line, bytes: number): Uint8Array {
    if (line.scratch.length < bytes) line.scratch = new Uint8Array(bytes);
    return line.scratch.subarray(0, bytes);
  }

  /** The segments of a claimed request. */
  private segments(request: Request): Segment[] {
    const list: Segment[] = [];
    for (let n = 0; n < request.segmentCount; n++) {
      const at = request.segments + n * SEGMENT_BYTES;
      list.push({ address: this.view.getUint32(at, true), bytes: this.view.getUint32(at + 4, true) });
    }
    return list;
  }

  /** Waits while the machine resets. */
  private async standBy(): Promise<void> {
    while (this.held !== undefined) await this.held;
  }

  /** On true the chip's lock is held: nothing is awaited until it is let go. */
  private claim(request: Request): boolean {
    return this.core.blockClaim(request.chip, request.tagAt, request.tag) !== 0;
  }

  /** What the guest writes, into `data`; false when it has been cancelled. */
  private async gather(request: Request, data: Uint8Array): Promise<boolean> {
    await this.standBy();
    if (!this.claim(request)) return false;
    try {
      let at = 0;
      for (const { address, bytes } of this.segments(request)) {
        // Address 0: memory that is not there reads as ones.
        if (address === 0) data.fill(0xFF, at, at + bytes);
        else data.set(this.bytes.subarray(address, address + bytes), at);
        at += bytes;
      }
    } finally {
      this.core.blockRelease(request.chip);
    }
    return true;
  }

  private async finish(request: Request, status: number, data?: Uint8Array): Promise<void> {
    await this.standBy();
    if (!this.claim(request)) return;
    try {
      if (data !== undefined) this.scatter(request, data);
    } catch (error) {
      this.core.blockRelease(request.chip);
      throw error;
    }
    this.core.blockComplete(request.chip, request.tagAt, request.done, status, data?.length ?? 0);
  }

  /** What was read, into the memory of a claimed request. */
  private scatter(request: Request, data: Uint8Array): void {
    let at = 0;
    for (const { address, bytes } of this.segments(request)) {
      const part = data.subarray(at, at + bytes);
      if (address !== 0 && part.length > 0) {
        this.bytes.set(part, address);
        this.core.blockWritten(address, part.length);
      }
      at += bytes;
    }
  }

  private count(request: Request): void {
    const at = this.info(request.drive);
    Atomics.add(this.words, (at + Drive.REQUESTS) >> 2, 1);
    const counter = request.op === BlockOp.READ ? Drive.READ_BYTES : Drive.WRITTEN_BYTES;
    this.view.setBigUint64(at + counter, this.view.getBigUint64(at + counter, true) + BigInt(request.bytes),
      true);
  }

  private countError(position: number): void {
    Atomics.add(this.words, (this.info(position) + Drive.ERRORS) >> 2, 1);
  }

  private fail(slot: Slot, error: unknown): void {
    const { position } = slot.config;
    this.countError(position);
    const message = error instanceof Error ? error.message : String(error);
    const key = `${position} ${message}`;
    const last = this.told.get(key) ?? -Infinity;
    if (this.now() - last < QUIET_MS) return;
    if (this.told.size >= MOST_MESSAGES) this.told.clear();
    this.told.set(key, this.now());
    this.events.onError(position, slot.config.name, message);
  }
}
