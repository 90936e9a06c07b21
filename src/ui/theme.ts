// Light, dark, or as the system: a button that goes round, remembered in this browser.

const KEY = 'skep-theme';
const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const LABELS: Record<Theme, [symbol: string, label: string]> = {
  system: ['◐', 'Colours: as the system'], light: ['☀', 'Colours: light'], dark: ['☾', 'Colours: dark'],
};

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === value) ?? 'system';
  } catch {
    return 'system';
  }
}

/** `onChange` is called when the colours may have changed, also by the system. */
export function bindTheme(button: HTMLButtonElement, onChange: () => void): void {
  let theme = stored();
  const apply = (): void => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const [symbol, label] = LABELS[theme];
    button.textContent = symbol;
    button.setAttribute('aria-label', label);
    button.title = label;
    onChange();
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Site data is blocked: the choice lasts for this visit.
    }
    apply();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
  apply();
}

/** The value that a custom property of style.css has now. */
export function themeColor(name: string): string {
  // light-dark() is resolved only in a real colour property.
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}
