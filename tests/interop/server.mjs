// A certified authorization server of somebody else's making, as RFC 8628 terminals meet it: TLS,
// client_secret_post, rotating refresh tokens. Usage: node server.mjs KEY CERT; prints its issuer.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const [keyFile, certFile] = process.argv.slice(2);
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

const server = createServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) });
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `https://localhost:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'pos',
      client_secret: 'invented-for-tests',
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: [DEVICE_CODE, 'refresh_token'],
      response_types: [],
      redirect_uris: [],
    },
  ],
  features: {
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
  },
  scopes: ['openid', 'profile', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name'] },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: 60, DeviceCode: 600, Grant: 3600, Interaction: 600, RefreshToken: 3600, Session: 600 },
  cookies: { keys: ['only-for-tests'] },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, name: id }) }),
});

server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));
