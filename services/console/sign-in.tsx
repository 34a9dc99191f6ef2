/** Asks for the access token, where the server wants one. */
import { useState } from 'preact/hooks';
import { signIn } from './session.ts';

export function SignIn() {
  const [value, setValue] = useState('');
  const isWrong = /[^\w.~+/=-]/.test(value.trim());
  return (
    <section class="panel narrow">
      <h1>Sign in</h1>
      <p>
        This server is reached from beyond its own machine, so it asks for an access token. Its operator makes one with{' '}
        <code>npx polyseme token create NAME</code>.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (value.trim() !== '' && !isWrong) signIn(value);
        }}
      >
        <label class="field">
          <span>Access token</span>
          <input
            type="password"
            name="token"
            autocomplete="current-password"
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
            aria-invalid={isWrong}
            aria-describedby="token-says"
          />
        </label>
        <p id="token-says" class="note">
          {isWrong ? 'A token has letters, digits and . ~ + / = _ - only.' : 'It is kept in this tab until you close it.'}
        </p>
        <button type="submit" class="primary" disabled={value.trim() === '' || isWrong}>
          Sign in
        </button>
      </form>
    </section>
  );
}
