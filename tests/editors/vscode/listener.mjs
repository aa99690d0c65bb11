// A server of models on loopback, in OpenAI's manner: keeps what was sent to it, and plays recorded replies to who has the key.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

/** Starts it; `requests` are those that came, each with the key it brought. Without a `key` it answers 401 to everyone. */
export async function listen({ key = '' } = {}) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    const bearer = (request.headers.authorization ?? '').replace(/^Bearer\s*/, '');
    requests.push({ method: request.method, path: request.url, key: bearer });
    if (!key || bearer !== key) {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: `Incorrect API key provided: ${bearer}`, code: 'invalid_api_key' } }));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of eventsOf(replyOf(/You are the (\w+) of a small software team/.exec(body)[1]))) response.write(`data: ${event}\n\n`);
    response.end('data: [DONE]\n\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { requests, url: `http://127.0.0.1:${server.address().port}/v1`, close: () => server.close() };
}

function eventsOf(text) {
  const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };
  const choice = (delta, finish_reason = null) => ({ ...chunk, choices: [{ index: 0, delta, finish_reason }] });
  const usage = { ...chunk, choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } };
  return [choice({ content: text }), choice({}, 'stop'), usage].map((event) => JSON.stringify(event));
}

/** The recorded reply of a role, for the stub `slug`. */
function replyOf(role) {
  const text = readFileSync(join(import.meta.dirname, '..', 'replies', 'slug.md'), 'utf8');
  return new RegExp(`^## reply ${role}\\n\\n~~~~reply[^\\n]*\\n([^]*?)^~~~~$`, 'm').exec(text)[1];
}
