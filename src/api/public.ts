// What both entries of the package export.

export { prepare, Skep, type SkepOptions, type SkepSerial, type SkepStats } from './skep.ts';
export type { FileSource, Progress } from './source.ts';
export type { DiscOption, DiskChoice, DiskOption, DriveOptions } from './drives.ts';
export type { SkepDisk } from './disks.ts';
export type { FirmwareOptions, FloppyOption } from './firmware.ts';
export type { DiskEvent } from '../emu/disk/host.ts';
export type { MachineEnding, EndReason, MachineEvents, MachineState } from '../emu/machine.ts';
export { maxMemoryMiB, type CpuModel } from '../emu/config.ts';
export { MAX_CPUS } from '../emu/generated-layout.ts';
export type { CanvasEvents, Picture, Screen } from '../emu/display/screen.ts';
export type { ScreenInfo, ScreenKind } from '../emu/display/renderer.ts';
export type { CanvasLink } from '../emu/platform.ts';
export type { Keyboard, KeyboardLeds } from '../emu/input/keyboard.ts';
export type { Mouse, MouseButton } from '../emu/input/mouse.ts';
export type { MachineProfile } from '../emu/profile/machine-profile.ts';
export type { HotPage, HotPlace, ProfileReport } from '../emu/profile/report.ts';
export type { ProfileRow, ProfileTable, ProfileTables } from '../emu/profile/text.ts';
export { KNOWN_GUESTS, type GuestManifest } from './guest.ts';
export { ConfigError, KernelError, MachineError, SkepError, type SkepErrorCode } from './errors.ts';
