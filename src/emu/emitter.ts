// Typed events: a map from event name to the argument of its listeners. A listener that throws does not keep
// the others from being called; its error is rethrown later, where the host's own error handling sees it.

export type Unsubscribe = () => void;

export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<(argument: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (argument: Events[Name]) => void): Unsubscribe {
    const set = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, set);
    set.add(listener as (argument: never) => void);
    return () => set.delete(listener as (argument: never) => void);
  }

  emit<Name extends keyof Events>(name: Name, argument: Events[Name]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      try {
        (listener as (argument: Events[Name]) => void)(argument);
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }

  clear(): void {
    this.listeners.clear();
  }
}
