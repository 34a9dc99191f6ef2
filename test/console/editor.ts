/** The editor of maps, as a person uses it. */
import type { Page } from 'playwright-core';

/** The text of the editor as it stands there: what is drawn is only what is in sight. */
export const editor = (page: Page) => page.locator('.code .cm-content');

/** Puts the cursor behind the first place where `text` stands, as a person searches for it. */
export async function find(page: Page, text: string): Promise<void> {
  await editor(page).click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('Control+f');
  await page.keyboard.insertText(text.slice(0, -1));
  await page.keyboard.type(text.slice(-1));
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
}

/**
 * Points at the first fault of the text until its cure is offered, and takes that. A picture of the whole page moves what is under the pointer, and
 * a fault that is told anew closes what was open: then one points again.
 */
export async function curedBy(page: Page, name: string): Promise<void> {
  const cure = page.getByRole('button', { name });
  const isOffered = (): Promise<boolean> =>
    cure.waitFor({ timeout: 3_000 }).then(
      () => true,
      () => false,
    );
  do {
    await page.mouse.move(0, 0);
    await page.locator('.code .cm-lintRange-error').first().hover();
  } while (!(await isOffered()));
  await cure.click();
}
