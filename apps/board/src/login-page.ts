import { html } from "./html.ts";
import { page } from "./page.ts";

/** Asks for the admin token, and goes on to `to`. */
export function loginPage({ to, problem }: { readonly to: string; readonly problem?: string }): string {
  return page(
    "Log in",
    html`
    <main class="narrow">
      <h1>Mailfleet board</h1>
      ${problem ? html`<p class="problem" role="alert">${problem}</p>` : ""}
      <form method="post" action="/login">
        <input type="hidden" name="to" value="${to}">
        <label for="token">Admin token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
        <button>Log in</button>
      </form>
      <p class="quiet">It is <code>MAILFLEET_ADMIN_TOKEN</code>; <code>mailfleet up</code> keeps one in its data folder.</p>
    </main>`,
  );
}
