const variable = 'NODE_TLS_REJECT_UNAUTHORIZED';

/** Sets the variable with which Node.js checks no certificate, until it is disposed. */
export function withoutTlsChecks(): Disposable {
  const before = process.env[variable];
  process.env[variable] = '0';
  return {
    [Symbol.dispose]() {
      if (before === undefined) Reflect.deleteProperty(process.env, variable);
      else process.env[variable] = before;
    },
  };
}
