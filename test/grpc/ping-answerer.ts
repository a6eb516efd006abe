/** Connects to the address that the parent sends, answers pings as every HTTP/2 client does, and reports them. */
import { connect } from 'node:http2';

process.on('message', (address: string) => {
  const session = connect(`http://${address}`);
  session.on('ping', () => process.send?.('ping'));
  session.on('error', () => undefined);
  session.on('close', () => process.send?.('closed'));
});
process.on('disconnect', () => process.exit());
