// A resolver that answers every question, and tries to get into the page of whoever shows its answers.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** What it says of itself and answers. The browser would run each of them, were it not text. */
export const STRINGS = {
  nsid: '<script>window.pwned = "nsid"</script>',
  server: '"><img src=x onerror="window.pwned=1">',
  version: '<svg onload=window.pwned=1>',
  txt: '</pre><iframe srcdoc="<script>parent.pwned=1</script>">',
  ede: '<!--><a href="javascript:window.pwned=1">click</a>',
  label: '<style>*{display:none}</style>',
};

const TYPES = { A: 1, CNAME: 5, TXT: 16, OPT: 41 };
const CHAOS = 3;
const [NSID, EDE] = [3, 15];

const bytes = (...parts) => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
const u16 = (value) => { const out = Buffer.alloc(2); out.writeUInt16BE(value); return out; };
const u32 = (value) => { const out = Buffer.alloc(4); out.writeUInt32BE(value); return out; };
const string = (text) => bytes(Buffer.from([text.length]), text);
const option = (code, data) => bytes(u16(code), u16(data.length), data);

/** Answers at this address until it is closed. */
export async function hostile(address, port) {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const answer = reply(query);
    if (answer) socket.send(answer, from.port, from.address);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

function reply(query) {
  let end = 12;
  while (end < query.length && query[end] !== 0) end += query[end] + 1;
  if (end + 5 > query.length) return null;
  const name = query.subarray(12, end + 1).toString('latin1').toLowerCase();
  const [type, group] = [query.readUInt16BE(end + 1), query.readUInt16BE(end + 3)];
  const question = query.subarray(12, end + 5);
  const record = (owner, kind, data) => bytes(owner, u16(kind), u16(group), u32(60), u16(data.length), data);
  const [asked, alias] = [u16(0xc00c), bytes(string(STRINGS.label), string('example'), Buffer.from([0]))];
  const text = group !== CHAOS ? STRINGS.txt : name.includes('version') ? STRINGS.version : STRINGS.server;
  const answers = type === TYPES.TXT ? [record(asked, TYPES.TXT, string(text))]
    : type === TYPES.A ? [record(asked, TYPES.CNAME, alias), record(alias, TYPES.A, Buffer.from([203, 0, 113, 66]))]
      : [];
  const options = bytes(option(NSID, Buffer.from(STRINGS.nsid)), option(EDE, bytes(u16(0), STRINGS.ede)));
  const opt = bytes(Buffer.from([0]), u16(TYPES.OPT), u16(1232), u32(0), u16(options.length), options);
  // A response, recursion desired as asked and available; one question, these answers, one OPT.
  const head = bytes(query.subarray(0, 2), u16(0x8080 | (query.readUInt16BE(2) & 0x0100)), u16(1), u16(answers.length), u16(0), u16(1));
  return bytes(head, question, ...answers, opt);
}
