// A worker of a page holds the Web Lock of its own name while it lives: whoever waits for that lock learns of
// its end, which raises no event otherwise.

interface LockScope {
  name: string;
  navigator: { locks?: { request(name: string, held: () => Promise<never>): Promise<unknown> } };
}

/** Resolves when the lock is held; at once where the browser has no locks. */
export function holdLifeLock(scope: LockScope): Promise<void> {
  const { locks } = scope.navigator;
  if (locks === undefined) return Promise.resolve();
  return new Promise((granted) => {
    locks.request(scope.name, () => {
      granted();
      return new Promise<never>(() => {});
    }).catch(() => granted());
  });
}
