// The few helpers with which the page builds and finds its elements.

type Child = Node | string | undefined;

/**
 * Creates an element; properties are set as properties, `data-*`, `aria-*`, `role` and `for` as attributes.
 */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K, properties: Record<string, unknown> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role' || name === 'for') element.setAttribute(name, String(value));
    else Reflect.set(element, name, value);
  }
  for (const child of children) if (child !== undefined) element.append(child);
  return element;
}

/** The element of index.html with this id; its absence is our own mistake. */
export function byId<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no element #${id}`);
  return element as T;
}
