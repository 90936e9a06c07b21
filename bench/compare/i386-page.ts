// The part of the 32-bit comparison that runs in the page: one machine, its console's lines until the last.

import { Skep } from '../../src/api/index.ts';

export interface I386Run {
  /** Addresses below the server's root, which is the project. */
  kernel: string;
  initrd: string;
  v86: string;
  bios: string;
  vgaBios: string;
  append: string;
  memoryMiB: number;
  /** Control.OPTIONS of Skep's core. */
  options: number;
}

export interface I386Output { seconds: number; output: string }

const LAST = /^VMBENCH-DONE/m;

/** What is used of v86's class. */
interface V86 {
  add_listener(name: 'serial0-output-byte', listener: (byte: number) => void): void;
  destroy(): Promise<void>;
}

const address = (file: string): URL => new URL(`/${file.replace(/^public\//, '')}`, location.href);

export async function runSkepPage(run: I386Run): Promise<I386Output> {
  const start = performance.now();
  const vm = await Skep.create({ smp: 1, memory: run.memoryMiB, append: run.append, options: run.options,
    kernel: address(run.kernel), initrd: address(run.initrd) });
  let output = '';
  const decoder = new TextDecoder();
  await new Promise<void>((done, fail) => {
    vm.serial.onData((bytes) => {
      output += decoder.decode(bytes, { stream: true });
      if (LAST.test(output)) done();
    });
    vm.ended.then(() => done(), fail);
    vm.start();
  });
  await vm.stop();
  return { seconds: (performance.now() - start) / 1000, output };
}

export async function runV86Page(run: I386Run): Promise<I386Output> {
  const start = performance.now();
  const { V86: Machine } = await import(/* @vite-ignore */ address(`${run.v86}/libv86.mjs`).href) as {
    V86: new (options: object) => V86 };
  const machine = new Machine({
    wasm_path: address(`${run.v86}/v86.wasm`).href, memory_size: run.memoryMiB << 20, vga_memory_size: 8 << 20,
    bios: { url: address(run.bios).href }, vga_bios: { url: address(run.vgaBios).href },
    bzimage: { url: address(run.kernel).href }, initrd: { url: address(run.initrd).href },
    cmdline: run.append, autostart: true, disable_speaker: true, fastboot: true,
  });
  let output = '';
  await new Promise<void>((done) => {
    machine.add_listener('serial0-output-byte', (byte) => {
      output += String.fromCharCode(byte);
      if (byte === 10 && LAST.test(output)) done();
    });
  });
  await machine.destroy();
  return { seconds: (performance.now() - start) / 1000, output };
}
