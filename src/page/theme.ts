/** The colours of the page: those of the system, or one of the two. */
export type Theme = 'system' | 'light' | 'dark';

const themes: readonly Theme[] = ['system', 'light', 'dark'];
const key = 'theme';

/** Returns the theme that follows another when a person switches. */
export function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
}

/** Returns the theme that was chosen last in this browser. */
export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(key);
    return themes.find((theme) => theme === stored) ?? 'system';
  } catch {
    // A browser may forbid storage.
    return 'system';
  }
}

/** Shows the page in a theme. `base.css` has the colours. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // Then the choice lasts until the page is closed.
  }
}
