/** Returns the address of the page as a link, or the socket on which it is served. */
export function pageAddress(address: string, isTls: boolean): string {
  if (address.startsWith('unix:')) return address;
  // Browsers do not connect to the unspecified address.
  return `http${isTls ? 's' : ''}://${address.replace(/^(?:0\.0\.0\.0|\[::\])(?=:)/, 'localhost')}/`;
}
